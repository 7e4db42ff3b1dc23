import Lifecycle

/// One life of the simulated service.
struct Instance {
  var plan: Plan
  /// Connections that were in the current queues at its birth, reset ones among them: a listener with one of these wakes it.
  let queuedAtBirth: [Int]
  var isMainAlive = true
  /// Counts main processes: 1 after the first has gone to the background. What is told of one is not told of the next.
  var epoch = 0
  var childrenAlive: Int
  /// Sockets whose listeners it can accept from.
  var bound: Set<Int> = []
  var isAccepting = false
  var isAcceptScheduled = false
  var hasAccepted = false
  var isTerminated = false
  /// The core has decided that it is to end, be it gone already.
  var isToldToEnd = false
  var isTerminatedForRest = false
  var isKilled = false
  var isFrozen = false
  /// It was told to freeze, which takes some time.
  var isToFreeze = false
  /// A successor of the manager that started it has it now, and knows less of it.
  var isInherited = false
  /// When the shell was told that it is ready.
  var readyAt: UInt64?
  /// How it ended, when it ended by itself.
  var ownExit: ExitStatus?
  /// How the last of its main processes ended.
  var lastExit = ExitStatus.unknown
  var isGoneTold = false
  /// How its main process has ended, as the core was told; and in truth.
  var toldExit: ExitStatus?
  var rawExit: ExitStatus?
  /// No earlier than this is it to be ended for having run long.
  var runtimeExtendedTo: UInt64 = 0
  /// Its end has been counted as a good or a bad one.
  var isEndNoted = false
  /// Every process of it was told to end.
  var isToldAll = false
  var hasNotified = false
  /// When we were told that it had shut its listener down.
  var shutDownAt: UInt64?
  var spawnedAt: UInt64 = 0
  var firstBoundAt: UInt64?
  /// Who waits at its start has been looked at.
  var isStartSeen = false
  /// Nobody who counts waited then.
  var isWokenByIgnored = false
  /// And the core was told so before it was ready.
  var isToldIgnored = false
  /// Somebody waited when it was started.
  var isWanted = false
  var queueLooks: UInt64 = 0
  /// Since when the one that is to be the service runs.
  var begunAt: UInt64 = 0
  /// Since when it can be seen to have taken its sockets.
  var takenAt: UInt64?
  /// Since when it has stood to be presumed ready: nobody has been seen waiting.
  var unwaitedSince: UInt64?
  /// A look at its start has shown somebody waiting.
  var hasSeenQueue = false
  /// Since when it has taken whoever waited.
  var emptySince: UInt64?
  var frozenSince: UInt64?
  /// Since when nobody has used it, and it has been frozen but for moments; and the same, if nothing was a reason to count anew.
  var frozenFirst: UInt64?
  var asleepSince: UInt64?
  /// It goes on for a moment, for a timer of its own or for those who don't count.
  var doze: Doze?
  /// When the first of its own timers is due, as was told when it was frozen.
  var timerDue: UInt64?

  /// What it leaves behind isn't its own any more (KillMode=process).
  var leavesChildren = false
  var isHanging = false
  /// It has said that it leaves, which has a time limit.
  var saysStopping = false

  var isAlive: Bool { isMainAlive || childrenAlive > 0 && !leavesChildren }

  struct Doze {
    let began: UInt64
    let until: UInt64
  }

  init(plan: Plan, queuedAtBirth: [Int]) {
    self.plan = plan
    self.queuedAtBirth = queuedAtBirth
    childrenAlive = plan.children
  }
}
