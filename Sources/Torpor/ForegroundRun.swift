import Glibc
import Linux

/// A service as `torpor run` runs it: events of the loop, and these.
protocol ForegroundService: AnyObject {
  /// Begins to serve.
  func begin() throws(Errno)
  /// Ends the service, then the loop. A second call does so at once.
  func stop()
  /// A child of ours has ended.
  func childEnded()
  /// Gives readers of our output a last chance.
  func finishOutput()
}

/// `torpor run`: one service until a signal says stop.
public enum ForegroundRun {
  public static func run(_ options: ServiceOptions) throws(ServiceError) {
    let loop: EventLoop
    do throws(Errno) {
      try Children.adoptOrphans()
      loop = try EventLoop()
    } catch { throw ServiceError("cannot set up: \(error)") }
    let service: any ForegroundService =
      if options.handover == .inetd {
        try ConnectionService(options, loop: loop)
      } else {
        try Service(options, loop: loop)
      }
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
