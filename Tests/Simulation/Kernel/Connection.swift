/// One connection of one client, from its first SYN until nobody has it any more.
struct Connection {
  enum Phase {
    case away
    /// The listener is chosen, the SYN_RECV entry is not there yet.
    case synInProcess
    case handshaking
    case queued
    /// accept() has taken it from the queue; it has no file yet.
    case limbo
    case inHand
    case gone
  }

  /// Why it is gone.
  enum Fate {
    case served
    case gaveUp
    /// Nobody listened, as the service itself saw to, or as a socket was abandoned.
    case refused
    /// The service ended by itself, was told to quit, or had failed.
    case diedWithService
    case lost
  }

  let socket: Int
  var phase = Phase.away
  var fate: Fate?
  /// Index of the listener it belongs to; meaningless while away.
  var listener = 0
  var cookie: UInt64 = 0
  /// When its SYN will have become an entry.
  var processedAt: UInt64 = 0
  /// The client has vanished in the handshake: it never ends and nobody waits.
  var isVanishing = false
  /// The client has reset it. In a queue it stays until somebody accepts it, but no dump shows it.
  var isReset = false
  /// The client has closed it.
  var isFinished = false
  var isServed = false
  /// Goes away this long after its SYN if not served.
  var patience: UInt64?
  /// Closes this long after it was served.
  var holdTime: UInt64 = 0

  /// Somebody is at the other end and has reason to expect something.
  var hasWaitingClient: Bool { !isVanishing && !isReset && !isFinished }

  /// Visible to a dump, or about to be.
  var isActive: Bool {
    switch phase {
    case .away, .gone: false
    case .synInProcess, .handshaking, .queued, .limbo, .inHand: !isReset
    }
  }

  var isWithService: Bool {
    switch phase {
    case .away, .gone, .synInProcess, .handshaking, .queued: false
    case .limbo, .inHand: !isReset
    }
  }
}
