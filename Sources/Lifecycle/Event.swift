/// Numbers a question to the kernel, so that an answer that comes after another question was asked is known to be stale.
public struct Query: Hashable, Sendable {
  public var number: UInt64
  public init(number: UInt64) { self.number = number }
}

/// How a process ended, as wait(2) tells.
public enum ExitStatus: Hashable, Sendable {
  case exited(code: Int32)
  case signalled(Int32, dumpedCore: Bool)
  /// It wasn't our child, so that nobody told us.
  case unknown

  public var isSuccess: Bool { self == .exited(code: 0) || self == .unknown }
}

/// One look at all of a service's connections, on every held socket.
public struct Sample: Equatable, Sendable {
  /// Connections that some process has accepted and not closed.
  public var accepted = 0
  /// Established connections that nobody has accepted, by socket cookie: those that came in by the sockets the service has…
  public var queuedOnCurrent: Set<UInt64> = []
  /// … and those that came in by the sockets that new connections are steered to during a drain.
  public var queuedOnNext: Set<UInt64> = []
  /// The accept queues of the sockets that the service has, read after all else. Connections that their clients have reset
  /// stay in a queue until somebody accepts them, and are in no list.
  public var acceptQueueLength = 0
  /// Handshakes that have not ended (SYN_RECV), by socket cookie.
  public var handshakes: Set<UInt64> = []
  /// A connection that the service had in hand was closed since the last sample, or one may have been: closes can be missed.
  public var hasClosed = false
  /// Datagrams that the service has not read, on the sockets that it has.
  public var unreadDatagrams = 0
  /// The service has read a datagram since the last sample.
  public var hasReceived = false
  /// The last moment of use that the kernel has kept: when the last datagram arrived that the service has read; where silent
  /// connections don't count, when the last data went in or out by one that is open.
  public var lastUse: Instant?
  /// Another sense than the connections has evidence of work, now or since the last sample: processing, channels, its own check.
  /// Told once, as `hasClosed` is; what can't be judged over so short a time is left for the next sample.
  public var isAtWork = false
  /// Its own check has said that it is busy.
  public var saysBusy = false
  /// All who wait for it are of sources that don't count. Told by the look at who waits when it is started; while it runs, what is of
  /// such a source isn't told at all.
  public var isOnlyIgnored = false

  public init() {}

  /// The service has been seen at work for somebody.
  var showsService: Bool { accepted > 0 || hasClosed || hasReceived }

  /// Or somebody is on the way to it.
  var showsAnybody: Bool {
    showsService || !queuedOnCurrent.isEmpty || !handshakes.isEmpty || unreadDatagrams > 0
  }

  /// Nothing at all is under way, nor was since the last sample, but for what `lastUse` says.
  func isQuiet(allowingSilence: Bool) -> Bool {
    (accepted == 0 || allowingSilence) && queuedOnCurrent.isEmpty && queuedOnNext.isEmpty && handshakes.isEmpty
      && !hasClosed && unreadDatagrams == 0 && !isAtWork
  }
}

/// Lengths of the accept queues, and what else a start is looked at for.
public struct QueueLengths: Equatable, Sendable {
  /// Summed over the held sockets.
  public var current: Int
  /// Of those of the next sockets that are not empty, by socket.
  public var next: [Int: Int]
  /// The service has changed something about each of the sockets that it was given, as one does that is about to use them.
  public var areTaken: Bool
  public init(current: Int, next: [Int: Int] = [:], areTaken: Bool = false) {
    self.current = current
    self.next = next
    self.areTaken = areTaken
  }
}

/// What happened. The shell makes these of kernel events and of the answers to actions.
public enum Event: Equatable, Sendable {
  /// Start although nobody has come.
  case startRequested
  /// Rest now, without waiting for the idle time; given up as any rest is if somebody uses it.
  case restRequested
  /// While it is pinned it isn't put to rest. That alone doesn't start it.
  case pinned(Bool)
  /// Start it with nobody waiting, so that it can be checked. For one that is dormant or waits after a failed start; told in any
  /// other state it changes nothing.
  case verifyRequested
  /// The check that `Report.readyToVerify` began is over: rest, unless somebody uses it.
  case verificationEnded
  /// What its owner wants from now on; during a rest from its end on. The sockets have to be the same.
  indirect case reconfigured(Lifecycle.Configuration)
  /// Its processes can be frozen, or no longer.
  case canFreezeChanged(Bool)
  /// An armed socket is readable.
  case connectionWaiting
  /// The answer to `Action.spawn`.
  case spawned
  case spawnFailed
  /// The service's bind() has landed on a held socket.
  case adopted(socket: Int)
  /// READY=1 from one of the service's processes.
  case notifiedReady
  /// STOPPING=1: it leaves by itself.
  case notifiedStopping
  /// X-BUSY=1, or X-IDLE=1: its own word, until it says otherwise.
  case busySaid(Bool)
  /// EXTEND_TIMEOUT_USEC=: the present timeout ends no earlier than this from now.
  case timeoutExtended(Duration)
  /// It has not sent WATCHDOG=1 in time, and has got the watchdog's signal for it.
  case watchdogExpired
  /// How the main process has really ended, where its owner takes that for a success: `mainExited` is next.
  case exitExcused(ExitStatus)
  /// The main process ended. `hasSuccessor`: another process of the service could be the main one.
  case mainExited(ExitStatus, hasSuccessor: Bool)
  /// No process of the service is left.
  case allProcessesGone
  /// While `Action.watchCloses` holds: a connection of the service was closed, or may have been.
  case connectionClosed
  /// The service called shutdown() on a listening socket that it shares with us.
  case listenerShutDown(socket: Int)
  /// The answer to `Action.readQueues`.
  case queuesRead(Query, QueueLengths)
  /// The answer to `Action.sample`.
  case sampled(Query, Sample)
  /// The kernel could not be asked; what can't be seen counts as busy.
  case sampleFailed(Query)
  /// The answers to `Action.openNext`.
  case nextOpened
  case nextUnavailable
  /// The answer to `Action.steer(.next)`, `Action.commitDatagrams` and `Action.withdrawDatagrams` where the kernel refused it: what is new
  /// may still go where it went.
  case steeringFailed
  /// The answer to `Action.barrier`.
  case barrierPassed(Query)
  /// The answer to `Action.closeNext`: how many connections were handed back.
  case nextClosed(strays: Int)
  /// The answers to `Action.freeze`: every process is; or they can't be.
  case frozen(Query)
  case freezeFailed(Query)
  /// The answers to `Action.holdConnections`. `wakeAt`: when the first of the service's own timers is due.
  case connectionsHeld(Query, wakeAt: Instant?)
  case holdFailed(Query)
  /// Something came by a held connection.
  case dataArrived
  /// While it is frozen: either of these, of nobody but sources that don't count.
  case ignoredCame
  /// SIGTERM or SIGINT to ourselves, or its equivalent.
  case stopRequested
  /// The same a second time.
  case stopAtOnceRequested
  /// `Lifecycle.deadline` has come.
  case deadlineReached
}
