import Lifecycle

/// One connection of one client, or one datagram, from its first packet until nobody has it any more.
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
  let kind: SocketKind
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
  var wasAccepted = false
  /// Goes away this long after its SYN if not served.
  var patience: UInt64?
  /// Closes this long after it was served.
  var holdTime: UInt64 = 0
  /// How long the client is silent before each further request on this connection.
  var silences: [UInt64] = []
  /// It begins with a silence, too: nothing is asked when it is accepted.
  var isSilentFirst = false
  /// Something was sent that the service has not read: its descriptor is readable.
  var hasUnreadData = false
  /// When it last carried something, and what a look last told of that.
  var lastData: UInt64 = 0
  var lastDataSeen: UInt64 = 0
  /// A unix client that lost its processor in connect(), between finding the listener and its queue: no barrier sees it.
  var isPreempted = false
  /// Its source doesn't count.
  var isIgnored = false
  /// Nobody's use when its service was told to end.
  var isGivenUp = false
  /// It goes through us, and ends when we do.
  var isRelayed = false
  /// When it came to the queue.
  var queuedAt: UInt64 = 0

  /// Somebody is at the other end and has reason to expect something.
  var hasWaitingClient: Bool { !isVanishing && !isReset && !isFinished }

  /// Visible to a dump, or about to be, and somebody who counts.
  var isActive: Bool {
    switch phase {
    case .away, .gone: false
    case .synInProcess, .handshaking, .queued, .limbo, .inHand: !isReset && !isIgnored
    }
  }

  var isWithService: Bool {
    switch phase {
    case .away, .gone, .synInProcess, .handshaking, .queued: false
    case .limbo, .inHand: !isReset && !isIgnored && kind != .datagram
    }
  }

  /// How long after its last data one that doesn't count may be in the middle of something.
  static let ignoredGrace = 100 * millisecond

  /// No look shows it: none does while the service runs; later those do that a rest would cut off.
  func isPassedOver(isRunning: Bool, at now: UInt64) -> Bool {
    guard isIgnored else { return false }
    return isRunning || phase == .inHand && isServed && !hasUnreadData && lastData + Self.ignoredGrace < now
  }

  /// At a look at `moment` it had carried nothing for so long.
  func wasSilent(for span: UInt64, at moment: UInt64) -> Bool { lastDataSeen + span <= moment }
}
