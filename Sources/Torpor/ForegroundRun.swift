import Glibc
import Linux

/// `torpor run`: one service until a signal says stop.
public enum ForegroundRun {
  public static func run(_ options: ServiceOptions) throws(ServiceError) {
    let loop: EventLoop
    do throws(Errno) {
      try Children.adoptOrphans()
      loop = try EventLoop()
    } catch { throw ServiceError("cannot set up: \(error)") }
    defer { Helpers.waitForEnd() }
    let channels = try ServiceChannels(options, loop: loop)
    let output = ForegroundOutput(channels.errorChannel, takesOutput: options.writesJSON, loop: loop)
    let service: any HeldService =
      if options.handover == .inetd {
        try ConnectionService(options, loop: loop, narrator: channels.narrator, output: output)
      } else {
        try Service(options, loop: loop, narrator: channels.narrator, output: output)
      }
    service.onEnd = { loop.stop() }
    do throws(Errno) {
      let signals = try Signals([SIGTERM, SIGINT, SIGHUP, SIGCHLD])
      _ = try loop.add(signals.descriptor, for: .readable) { _ in
        for signal in signals.take() {
          if signal == SIGCHLD { loop.reapChildren() } else { service.stop() }
        }
      }
      try service.begin()
      try loop.run()
    } catch { throw ServiceError("cannot go on: \(error)") }
    channels.finish()
  }
}
