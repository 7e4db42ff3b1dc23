extension Lifecycle {
  /// Where a service is. What is only true in one state is kept in that state.
  public enum State: Equatable, Sendable {
    /// Sockets armed, no process, no deadline.
    case dormant
    case starting(Starting)
    case running(Running)
    case draining(Draining)
    case returning(Returning)
    case stopping(Stopping)
    case backingOff(BackingOff)
    case ended
  }

  /// One life of the service, from spawn until no process is left.
  public struct Instance: Equatable, Sendable {
    /// When the connection that woke it was seen.
    public let wokenAt: Instant
    /// When it was ready to serve; nil while it starts.
    public var readyAt: Instant?
    /// Held sockets that it has bound.
    public var adopted: Set<Int> = []
    /// The question who waited when it was started, and its answer.
    let startQuery: Query
    var firstQueued: Set<UInt64>?
    /// It has accepted a connection, as far as was seen.
    var hasAccepted = false
    var mainExit: ExitStatus?
    var isGone = false
    /// How often a main process ended well and left others behind: a daemon that forks twice does it twice.
    var handovers = 0
    static let handoversMax = 8

    /// Takes the answer to `startQuery`, in whatever state it comes.
    mutating func note(_ query: Query, _ sample: Sample) {
      guard query == startQuery else { return }
      firstQueued = sample.queuedOnCurrent
      hasAccepted = hasAccepted || sample.accepted > 0
    }

    /// Its main process has ended, and no other is left.
    var isOver: Bool { mainExit != nil && isGone }

    /// Whether it left without taking any connection that it had been started for; `queued` are those that wait now, nil if
    /// that can't be known. The one proof of life that can't be missed is a cookie that was queued at its start and is no
    /// longer; where that is unknown, it is taken to have failed, which costs a second, rather than to be started for ever.
    func hasIgnored(_ queued: Set<UInt64>?) -> Bool {
      if hasAccepted { return false }
      guard let queued else { return true }
      guard let firstQueued else { return !queued.isEmpty }
      return !firstQueued.isEmpty && firstQueued.isSubset(of: queued)
    }
  }

  public struct Starting: Equatable, Sendable {
    public var instance: Instance
    var deadline: Instant?
    /// When to look at the queues next: their becoming empty is an event that nothing announces. nil: READY=1 will tell.
    var lookAt: Instant?
    var lookInterval: Duration
    /// Somebody has been seen waiting, so that empty queues mean that the service has taken them.
    var hasSeenQueue = false
    var queueQuery: Query?
  }

  public struct Running: Equatable, Sendable {
    public var instance: Instance
    /// The last moment at which something showed that it was in use.
    public var lastEvidence: Instant
    /// When an answer can matter next; nil: never, as the timeout is infinite.
    var lookAt: Instant?
    /// Nothing was open at the last look: a close is announced at once, and no look is needed before the timeout.
    var isQuiet = false
    var query: Query?
    /// When held sockets that are still unbound are given up.
    var abandonAt: Instant?
  }

  public struct Draining: Equatable, Sendable {
    public enum Step: Equatable, Sendable {
      case opening
      case barrier(Query)
      case handshakeSnapshot(Query)
      /// Handshakes that may still end on a current socket.
      case handshakes(Set<UInt64>, Query?)
      case queue(Query)
      case inHand(Query)
    }
    public var instance: Instance
    public var step: Step
    /// When the drain is given up; set once the barrier has passed, whose length isn't the service's doing.
    var deadline: Instant?
    var retryAt: Instant?
    var retryInterval: Duration = firstRetryInterval
  }

  public struct Returning: Equatable, Sendable {
    public enum Step: Equatable, Sendable {
      case barrier(Query)
      case handshakeSnapshot(Query)
      case handshakes(Set<UInt64>, Query?)
      /// Relay only: nothing may be left in the queue when the next sockets close.
      case queue(Query)
      case closing
    }
    public var instance: Instance
    public var step: Step
    var deadline: Instant?
    var retryAt: Instant?
    var retryInterval: Duration = firstRetryInterval
  }

  public struct Stopping: Equatable, Sendable {
    public enum Purpose: Equatable, Sendable {
      /// A committed rest: next sockets exist and take every new connection.
      case rest
      /// We leave, too.
      case quit
      /// A failed instance's remains.
      case failure(Failure)
      /// It left by itself.
      case left
    }
    public var instance: Instance
    public var purpose: Purpose
    /// When to send SIGKILL; nil after that, or when there is no limit.
    var killAt: Instant?
    /// The length of that limit, to be reported.
    var limit: Duration?
    var isKilled = false
    /// Everything is gone; what waits decides what is next.
    var query: Query?
  }

  public struct BackingOff: Equatable, Sendable {
    var until: Instant
    var query: Query?
  }
}
