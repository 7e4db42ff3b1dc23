import Lifecycle

/// A schedule written by hand: events with times between them, and the answers to what was last asked.
struct Script {
  var lifecycle: Lifecycle
  private(set) var now = Instant(nanoseconds: 1_000_000_000)
  /// What the last event led to.
  private(set) var actions: [Action] = []

  /// An idle timeout of 16 s, so that looks are 1 s apart.
  init(
    idle: Duration? = .seconds(16), sockets: Int = 1, readiness: Lifecycle.Configuration.Readiness = .automatic,
    canMigrate: Bool = true, configure: (inout Lifecycle.Configuration) -> Void = { _ in }
  ) {
    var configuration = Lifecycle.Configuration(
      sockets: Array(repeating: .tcp, count: sockets), idleTimeout: idle, readiness: readiness, canMigrate: canMigrate)
    configure(&configuration)
    lifecycle = Lifecycle(configuration: configuration)
    actions = lifecycle.begin()
  }

  /// One that runs, and that nobody uses.
  static func running(configure: (inout Lifecycle.Configuration) -> Void = { _ in }) -> Script {
    var script = Script(configure: configure)
    script.run()
    return script
  }

  @discardableResult
  mutating func send(_ event: Event, after delay: Duration = .zero) -> [Action] {
    now = now.advanced(by: delay)
    actions = lifecycle.handle(event, at: now)
    return actions
  }

  /// Lets time pass until the deadline.
  @discardableResult
  mutating func reachDeadline() -> [Action] {
    now = max(now, lifecycle.deadline ?? now)
    return send(.deadlineReached)
  }

  var reports: [Report] {
    actions.compactMap { if case .report(let report) = $0 { report } else { nil } }
  }

  // MARK: answers

  private var sampleQuery: Query {
    actions.lazy.compactMap { if case .sample(let query) = $0 { query } else { nil } }.first ?? Query(number: 0)
  }

  private var queueQuery: Query {
    actions.lazy.compactMap { if case .readQueues(let query) = $0 { query } else { nil } }.first ?? Query(number: 0)
  }

  private var barrierQuery: Query {
    actions.lazy.compactMap { if case .barrier(let query) = $0 { query } else { nil } }.first ?? Query(number: 0)
  }

  @discardableResult
  mutating func answer(_ change: (inout Sample) -> Void = { _ in }) -> [Action] {
    var sample = Sample()
    change(&sample)
    return send(.sampled(sampleQuery, sample))
  }

  @discardableResult
  mutating func failSample() -> [Action] { send(.sampleFailed(sampleQuery)) }

  @discardableResult
  mutating func answerQueues(current: Int = 0, next: [Int: Int] = [:], areTaken: Bool = false) -> [Action] {
    send(.queuesRead(queueQuery, QueueLengths(current: current, next: next, areTaken: areTaken)))
  }

  private var freezeQuery: Query {
    actions.lazy.compactMap { if case .freeze(let query) = $0 { query } else { nil } }.first ?? Query(number: 0)
  }

  private var holdQuery: Query {
    actions.lazy.compactMap { if case .holdConnections(let query) = $0 { query } else { nil } }.first
      ?? Query(number: 0)
  }

  var asksToFreeze: Bool { freezeQuery != Query(number: 0) }

  @discardableResult
  mutating func freeze() -> [Action] { send(.frozen(freezeQuery)) }

  @discardableResult
  mutating func failFreeze() -> [Action] { send(.freezeFailed(freezeQuery)) }

  @discardableResult
  mutating func hold(wakeAfter: Duration? = nil) -> [Action] {
    send(.connectionsHeld(holdQuery, wakeAt: wakeAfter.map(now.advanced(by:))))
  }

  /// The manager dies, and another one goes on with what it left.
  @discardableResult
  mutating func succeed(
    hasProcesses: Bool, mainExit: ExitStatus? = nil, hasNext: Bool, isFrozen: Bool = false
  ) -> [Action] {
    let memory = lifecycle.memory
    lifecycle = Lifecycle(configuration: lifecycle.configuration)
    now = now.advanced(by: .milliseconds(100))
    actions = lifecycle.resume(
      memory, Lifecycle.Found(hasProcesses: hasProcesses, mainExit: mainExit, hasNext: hasNext, isFrozen: isFrozen),
      at: now)
    return actions
  }

  @discardableResult
  mutating func passBarrier() -> [Action] { send(.barrierPassed(barrierQuery)) }

  // MARK: ways to get somewhere

  /// Somebody, whose connection has the cookie 7, came and the service was started.
  mutating func wake() {
    send(.connectionWaiting)
    send(.spawned)
    answer {
      $0.queuedOnCurrent = [7]
      $0.acceptQueueLength = 1
    }
  }

  mutating func run() {
    wake()
    for socket in 0..<lifecycle.configuration.sockets.count { send(.adopted(socket: socket), after: .milliseconds(1)) }
  }

  /// Idle until the rest begins: the next sockets are being opened.
  mutating func becomeIdle() {
    run()
    reachDeadline()
    answer { $0.hasClosed = true }
    reachDeadline()
    answer()
    reachDeadline()
    answer()
  }

  /// Runs, and is put to rest now: new connections are steered away, and the barrier has passed.
  mutating func drainFromRunning() {
    send(.restRequested)
    answer()
    send(.nextOpened)
    passBarrier()
  }

  /// Somebody woke it, went away again, and it has been put to rest.
  mutating func restUnused() {
    send(.connectionWaiting)
    send(.spawned)
    answer { $0.acceptQueueLength = 1 }
    for socket in 0..<lifecycle.configuration.sockets.count { send(.adopted(socket: socket), after: .milliseconds(1)) }
    drainFromRunning()
    answer()
    answerQueues()
    answer()
    send(.mainExited(.exited(code: 0), hasSuccessor: false))
    send(.allProcessesGone)
  }

  /// New connections are steered away, and the barrier has passed.
  mutating func drain() {
    becomeIdle()
    send(.nextOpened)
    passBarrier()
  }

  /// SIGTERM has been sent.
  mutating func rest() {
    drain()
    answer()
    answerQueues()
    answer()
  }

  var isDormant: Bool { lifecycle.state == .dormant }

  var isRunning: Bool { if case .running = lifecycle.state { true } else { false } }

  var isReturning: Bool { if case .returning = lifecycle.state { true } else { false } }

  var isStopping: Bool { if case .stopping = lifecycle.state { true } else { false } }

  var isBackingOff: Bool { if case .backingOff = lifecycle.state { true } else { false } }
}
