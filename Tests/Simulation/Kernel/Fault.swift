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
  /// What still waits at a unix path's old socket is not relayed when that is closed.
  case dropsLeftovers
  /// Datagrams that the service has not read aren't seen.
  case hidesUnread
  /// Nor is when the last one that it has read arrived.
  case hidesStamps
  /// Data that comes by a connection of a frozen service wakes nobody.
  case sleepsThroughData
  /// A connection's last data isn't seen.
  case hidesData
  /// The memory for a successor is written after the actions of an event, not before them.
  case remembersLate
  /// A successor is told that nothing is frozen.
  case forgetsFreeze
  /// A successor is told that there are no second sockets.
  case forgetsNext
}
