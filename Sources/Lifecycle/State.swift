extension Lifecycle {
  /// Where a service is. What is only true in one state is kept in that state, and apart: most services are dormant.
  public indirect enum State: Equatable, Sendable {
    /// Sockets armed, no process, no deadline.
    case dormant
    case starting(Starting)
    case running(Running)
    case draining(Draining)
    case returning(Returning)
    case freezing(Freezing)
    case frozen(Frozen)
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
    /// It has lived for a while with nobody waiting, which is all that is known of its readiness.
    var isPresumed = false
    /// It has shut a listening socket down, and has not been seen to accept since.
    var deafness: Deafness?
    /// When held sockets that are still unbound are given up.
    var abandonAt: Instant?
    /// When to see to what it has not bound; nil: it has bound nothing, or all, or this has been done.
    var relayUnboundAt: Instant?
    /// The question who waited when it was started, and its answer.
    let startQuery: Query
    var first: Sample?
    /// A connection woke it.
    let isWanted: Bool
    /// Nobody has come: it was started to be checked, and the check isn't over.
    var isVerification = false
    /// It is to rest as soon as it is ready.
    var isRestRequested = false
    /// This look tells of the work of its own start, which was nobody's use: it was started to be checked.
    var ownStartLook: Query?
    /// Who has woken it doesn't count, and nobody has been seen since who does.
    var isWokenByIgnored = false
    /// It has said that it is busy.
    public internal(set) var saysBusy = false
    /// It has said that it leaves.
    var saysStopping = false
    /// It has got the watchdog's signal, for whatever reason.
    var isAborted = false
    /// It has accepted a connection, as far as was seen.
    var hasAccepted = false
    /// When a look last showed that it had read a datagram, which it may be answering.
    var lastReceived: Instant?
    var mainExit: ExitStatus?
    /// What `mainExit` stands for, where its owner takes it for a success.
    var excusedExit: ExitStatus?
    /// When it has run for as long as it may.
    var runtimeEndsAt: Instant?
    var isGone = false
    /// Its processes are frozen, or are to be.
    var isFrozen = false
    /// We have duplicates of its connections.
    var isHeld = false
    /// How long it has been frozen, in all.
    var frozenFor = Duration.zero
    /// Since when it has been frozen, but for moments in which it saw to timers of its own and to those who don't count. nil: somebody
    /// has used it since.
    var asleepSince: Instant?
    /// When the look was asked for that showed that: what has come later may have been taken in such a moment.
    var asleepLook: Instant?
    /// How often in a row it was thawed for a timer that was due at once.
    var housekeepings = 0
    static let housekeepingsMax = 3
    /// How often a main process ended well and left others behind: a daemon that forks twice does it twice.
    var handovers = 0
    static let handoversMax = 8

    /// Takes the answer to `startQuery`, in whatever state it comes.
    mutating func note(_ query: Query, _ sample: Sample) {
      guard query == startQuery else { return }
      first = sample
      isWokenByIgnored = sample.isOnlyIgnored && !sample.hasClosed && !sample.hasReceived
      hasAccepted = hasAccepted || sample.showsService
    }

    /// Nobody has used it since it was frozen, if that was the last use.
    func isAsleep(_ lastUse: Instant) -> Bool { asleepSince != nil && asleepLook.map { lastUse <= $0 } ?? false }

    /// A look that was asked for before its start may be one at the last instance: what it shows is no proof of anything that this one did.
    func isYounger(than query: Query) -> Bool { query.number < startQuery.number }

    /// Its main process has ended, and no other is left.
    var isOver: Bool { mainExit != nil && isGone }

    /// Whether it left without taking any connection that it had been started for, as far as `last` tells, a look after its
    /// end. That somebody no longer waits proves nothing: a client may have given up. But a queue gets shorter only by
    /// accept(), so it has taken one if the queue is shorter than it was with those added that have come since. Without a
    /// proof it is taken to have failed, which costs a second, rather than to be started for ever.
    func hasIgnored(_ last: Sample?) -> Bool {
      guard !hasAccepted, isWanted || first.map({ $0.acceptQueueLength > 0 }) ?? true else { return false }
      guard let last else { return true }
      // It ended before it was seen who waited when it was started: whoever waits now may have.
      guard let first else { return isWanted || last.acceptQueueLength > 0 }
      let newcomers = last.queuedOnCurrent.subtracting(first.queuedOnCurrent)
      return !last.hasClosed && !last.hasReceived && last.acceptQueueLength >= first.acceptQueueLength + newcomers.count
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
    /// Since when it has had the process that is to be the service; nil: not yet.
    var begunAt: Instant?
    /// Since when it is seen to have taken the sockets that it was given.
    var takenAt: Instant?
    /// The start has taken too long: whether somebody has been served meanwhile decides.
    var lastLook: Query?
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
    /// The look whose answer is awaited.
    var query: Query?
    /// When that was asked.
    var askedAt: Instant?
    /// The look that a requested rest begins with.
    var restLook: RestLook?

    struct RestLook: Equatable, Sendable {
      let query: Query
      let askedAt: Instant
    }
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
      /// Only where it is killed: it is being frozen, and looked at once more.
      case freezing(Query)
      case frozenLook(Query)
      /// Only with datagrams, and with no way back once one has come: they go to the next sockets…
      case commitBarrier(Query)
      /// The kernel has refused that, and it is tried again at `retryAt`.
      case commitRetry
      /// … and it has until `deadline` to read and answer what it has.
      case datagrams(Query?)
      /// Somebody uses it: they go to the current sockets again, and then it is seen whether any has come to the next ones.
      case withdrawing(Query)
      /// The kernel has refused that, and it is tried again at `retryAt`.
      case withdrawalRetry
      case withdrawn(Query)
    }
    public var instance: Instance
    public var step: Step
    /// What is later than this is a use.
    let lastEvidence: Instant
    /// When it may have read a datagram that it is answering.
    var lastRead: Instant?
    /// When the drain is given up, unless a look is under way; set once the barrier has passed, whose length isn't the service's doing.
    var deadline: Instant?
    var retryAt: Instant?
    var retryInterval: Duration = firstRetryInterval
    /// A predecessor may have committed already, or something has come to the next sockets: the commitment is tried until then, and never
    /// given up because it is refused.
    var commitUntil: Instant?
    /// Until then it is tried to take the commitment back.
    var withdrawUntil: Instant?
    /// Something has come to the next sockets.
    var isFinal = false
  }

  public struct Returning: Equatable, Sendable {
    public enum Step: Equatable, Sendable {
      case barrier(Query)
      case handshakeSnapshot(Query)
      case handshakes(Set<UInt64>, Query?)
      /// Nothing may be left in a queue that is relayed when the next sockets close.
      case queue(Query)
      case closing
    }
    public var instance: Instance
    public var step: Step
    var deadline: Instant?
    var retryAt: Instant?
    var retryInterval: Duration = firstRetryInterval
    /// What comes to the next sockets of these is relayed, not left for the kernel to move when they close.
    var relays: Set<Int>
    /// Given up because a step of the rest can't be done, not because anybody came.
    let isImpossible: Bool
    /// All of them are relayed, as a handshake took too long.
    var isLate = false
  }

  public struct Freezing: Equatable, Sendable {
    public enum Step: Equatable, Sendable {
      case freezing(Query)
      case holding(Query)
      /// What it read just before it was frozen, it must be given the time to answer.
      case looking(Query, wakeAt: Instant?)
    }
    public var instance: Instance
    public var step: Step
    let lastEvidence: Instant
    var deadline: Instant
    /// When its last look was asked for.
    var lookedAt: Instant?
  }

  public struct Frozen: Equatable, Sendable {
    public var instance: Instance
    let since: Instant
    let lastEvidence: Instant
    /// When the first of its own timers is due.
    var wakeAt: Instant?
    /// When it is stopped if nobody comes.
    public internal(set) var stopAt: Instant?
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
    /// A start was asked for, which comes after this end.
    var isStartRequested = false
  }

  public struct BackingOff: Equatable, Sendable {
    /// When it is tried again, if somebody waits.
    public internal(set) var until: Instant
    /// Then it is started even if nobody waits.
    var restarts = false
    /// A rest was asked for, which is refused if somebody waits.
    var isRestRequested = false
    var query: Query?
  }
}
