import Lifecycle
import Testing

/// Schedules from seeds: clients, processes and a machine that lacks things now and then, under the real decisions.
@Suite struct ConnectionScheduleTests {
  @Test(arguments: 0..<8) func noScheduleLosesAConnectionOrExceedsTheLimit(block: Int) {
    for seed in (block * 250)..<(block * 250 + 250) {
      var schedule = ConnectionSchedule(seed: UInt64(seed))
      let violation = schedule.run()
      #expect(violation == nil, "seed \(seed)")
      if violation != nil { return }
    }
  }

  /// The schedule would see what it looks for.
  @Test func aLimitThatIsNotKeptIsSeen() {
    let violations = (0..<50).compactMap { seed -> String? in
      var schedule = ConnectionSchedule(seed: UInt64(seed), limitSeen: 1)
      return schedule.run()
    }
    #expect(violations.contains("more processes than there may be"))
  }
}

private struct ConnectionSchedule {
  private var random: Random
  private var server: ConnectionServer
  private var now = Instant(nanoseconds: 1)
  private let limitSeen: Int
  private var waiting = 0
  private var isArmed = false
  private var isInHand = false
  private var dropped = 0
  private var droppedAllowed = 0
  private var processes: Set<Int> = []
  private var remains: Set<Int> = []
  private var lastID = 0
  private var served = 0
  private var clients = 0
  private var isFinished = false
  private var violation: String?
  /// From here on the machine lacks nothing.
  private let healthyFrom: Int
  private let steps: Int

  init(seed: UInt64, limitSeen: Int? = nil) {
    random = Random(state: seed &* 0x9e37_79b9_7f4a_7c15 &+ 1)
    let limit = Int(random.next(below: 4)) + (limitSeen == nil ? 1 : 2)
    self.limitSeen = limitSeen ?? limit
    server = ConnectionServer(configuration: .init(connectionsMax: limit, stopTimeout: .seconds(10)))
    steps = 150
    healthyFrom = Int(random.next(below: 100))
  }

  mutating func run() -> String? {
    carryOut(server.begin())
    for step in 0..<steps where violation == nil { take(step) }
    // Everybody who came is served in the end.
    for _ in 0..<500 where violation == nil && (waiting > 0 || isInHand || !processes.isEmpty || !remains.isEmpty) {
      settle()
    }
    check(served + dropped == clients, "somebody was never served")
    check(server.deadline == nil, "a deadline is left")
    send(.stopRequested)
    for _ in 0..<100 where !isFinished { settle() }
    check(isFinished, "it doesn't end")
    return violation
  }

  private mutating func take(_ step: Int) {
    let isHealthy = step >= healthyFrom
    switch random.next(below: 6) {
    case 0, 1:
      waiting += 1
      clients += 1
    case 2: exitOne(isHealthy)
    case 3: endRemains()
    case 4: passTime(.milliseconds(Int(random.next(below: 3000))))
    default: break
    }
    if isArmed, waiting > 0 { send(.connectionWaiting(socket: 0), isHealthy) }
  }

  private mutating func settle() {
    passTime(.seconds(61))
    exitOne(true)
    endRemains()
    if isArmed, waiting > 0 { send(.connectionWaiting(socket: 0)) }
  }

  private mutating func exitOne(_ isHealthy: Bool) {
    guard let id = processes.min() else { return }
    processes.remove(id)
    let leaves = !isHealthy && random.next(below: 3) == 0
    if leaves { remains.insert(id) }
    send(.mainExited(id, .exited(code: 0), leavesOthers: leaves), isHealthy)
  }

  private mutating func endRemains() {
    guard let id = remains.min() else { return }
    remains.remove(id)
    send(.leftoversGone(id))
  }

  private mutating func passTime(_ duration: Duration) {
    let end = now.advanced(by: duration)
    for _ in 0..<20 {
      guard let deadline = server.deadline, deadline <= end else { break }
      now = max(now, deadline)
      send(.deadlineReached)
      check(server.deadline.map { $0 > now } ?? true, "a deadline that has been dealt with is due again")
    }
    now = max(now, end)
  }

  private mutating func check(_ holds: Bool, _ claim: String) { if !holds, violation == nil { violation = claim } }

  private mutating func send(_ event: ConnectionServer.Event, _ isHealthy: Bool = true) {
    carryOut(server.handle(event, at: now), isHealthy)
    check(processes.count + remains.count <= limitSeen, "more processes than there may be")
  }

  private mutating func carryOut(_ actions: [ConnectionServer.Action], _ isHealthy: Bool = true) {
    for action in actions {
      switch action {
      case .arm: isArmed = true
      case .disarm: isArmed = false
      case .accept:
        check(!isInHand, "a second connection is accepted")
        if !isHealthy, random.next(below: 8) == 0 {
          send(.acceptFailed, isHealthy)
        } else {
          waiting -= 1
          isInHand = true
          send(.accepted, isHealthy)
        }
      case .spawn: spawn(isHealthy)
      case .drop:
        check(isInHand && droppedAllowed > dropped, "a connection is closed that could be served")
        dropped += 1
        isInHand = false
      case .killLeftovers(let id):
        if remains.remove(id) != nil { send(.leftoversGone(id)) }
      case .killAll, .terminateMains, .terminateLeftovers, .report: break
      case .finish:
        check(processes.isEmpty && remains.isEmpty, "it ends before its processes")
        isFinished = true
      }
    }
  }

  private mutating func spawn(_ isHealthy: Bool) {
    check(isInHand, "a process without a connection")
    let luck = isHealthy ? 9 : random.next(below: 8)
    if luck < 2 {
      if luck == 0 { droppedAllowed += 1 }
      return send(.spawnFailed(isLasting: luck == 0), isHealthy)
    }
    lastID += 1
    isInHand = false
    served += 1
    processes.insert(lastID)
    send(.spawned(lastID), isHealthy)
  }
}

/// SplitMix64.
private struct Random {
  var state: UInt64
  mutating func next(below bound: UInt64) -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return (mixed ^ (mixed >> 31)) % bound
  }
}
