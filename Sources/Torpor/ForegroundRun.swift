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
    let service = try Service(options, loop: loop)
    do throws(Errno) {
      let signals = try Signals([SIGTERM, SIGINT, SIGHUP, SIGCHLD])
      _ = try loop.add(signals.descriptor, for: .readable) { _ in
        for signal in signals.take() {
          if signal == SIGCHLD { service.childEnded() } else { service.stop() }
        }
      }
      try service.begin()
      try loop.run()
    } catch { throw ServiceError("cannot go on: \(error)") }
    service.finishOutput()
  }
}
