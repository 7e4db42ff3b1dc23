/// A bug put into the simulated kernel or shell on purpose. A simulator that can't see a known bug proves nothing.
public enum Fault: String, CaseIterable, Sendable {
  /// The barrier ends at once, while SYNs that chose the old listener are still being processed.
  case barrierEndsAtOnce
  /// `arm` before `swap`: what is watched is the socket that is then closed.
  case armsBeforeSwap
  /// A sample that doesn't show what accept() has taken from the queue and not yet given a file to.
  case hidesLimbo
  /// Queues are read as empty.
  case readsQueuesAsEmpty
  /// A sample without handshakes.
  case hidesHandshakes
  /// An overrun of the netlink socket (ENOBUFS) is not told as a possible close.
  case hidesOverruns
  /// Migration is promised and doesn't happen.
  case doesNotMigrate
  /// "No process is left" is said when the main one ended.
  case saysGoneTooEarly
  /// The program that steers is left as it was.
  case ignoresSteering
  /// A listener that the service has shut down is not listened on again.
  case neverListensAgain
}
