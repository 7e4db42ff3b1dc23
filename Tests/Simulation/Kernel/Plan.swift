import Lifecycle

/// What one instance of the service will do, decided when it is spawned.
struct Plan {
  var canSpawn = true
  /// When each socket is bound; nil: never. Empty: it takes its sockets by LISTEN_FDS.
  var binds: [UInt64?] = []
  var acceptsAfter: UInt64 = millisecond
  /// It makes the sockets that it is given non-blocking before it accepts.
  var showsTaking = false
  /// READY=1.
  var notifiesAfter: UInt64?
  var backgroundAfter: UInt64?
  var mainExit: (after: UInt64, status: ExitStatus)?
  var shutsListenerDownAfter: UInt64?
  /// It hangs, and its watchdog tells.
  var hangsAfter: UInt64?
  /// STOPPING=1.
  var leavesAfter: UInt64?
  /// Processes besides the main one.
  var children = 0
  /// They go on accepting when the main one is gone.
  var childrenServe = false
  var ignoresTerminate = false
  var childrenIgnoreTerminate = false
  /// From SIGTERM to exit.
  var terminatesWithin: UInt64 = 10 * millisecond
  /// Its SIGTERM handling takes what is in the queue and drops it.
  var dropsQueueOnTerminate = false
  /// It goes on accepting until it exits.
  var acceptsUntilExit = false
  /// Works as a service should, as far as it was decided.
  var isHealthy = true
}

extension Plan {
  static func healthy(_ settings: Settings, _ random: inout Random) -> Plan {
    var plan = Plan()
    let start = random.spread(100 * microsecond...200 * millisecond)
    plan.acceptsAfter = start
    if settings.serviceBinds {
      for _ in 0..<settings.configuration.sockets.count { plan.binds.append(1 + random.below(start)) }
    }
    if settings.configuration.readiness == .notify {
      plan.notifiesAfter = start + random.spread(10 * microsecond...50 * millisecond)
    }
    if random.chance(20) { plan.backgroundAfter = 1 + random.below(2 * start) }
    plan.children = random.chance(30) || plan.backgroundAfter != nil ? 1 + random.below(3) : 0
    plan.childrenIgnoreTerminate = random.chance(15)
    plan.ignoresTerminate = random.chance(10)
    plan.terminatesWithin = random.spread(10 * microsecond...400 * millisecond)
    plan.dropsQueueOnTerminate = random.chance(50)
    return plan
  }

  /// Of a service whose leftovers are nobody's.
  mutating func keepChildrenApart() {
    childrenServe = false
    backgroundAfter = nil
  }

  static func sick(_ settings: Settings, _ random: inout Random) -> Plan {
    var plan = healthy(settings, &random)
    plan.isHealthy = false
    plan.childrenServe = random.chance(40)
    let moment = random.spread(50 * microsecond...settings.longestMishap)
    switch random.below(settings.requests > 0 ? 13 : 10) {
    case 10: plan.hangsAfter = moment
    case 11, 12: plan.leavesAfter = moment
    case 0: plan.canSpawn = false
    case 1: plan.mainExit = (random.spread(10 * microsecond...5 * millisecond), Plan.anyStatus(&random))
    case 2: plan.mainExit = (moment, .signalled(11, dumpedCore: random.chance(50)))
    case 3: plan.mainExit = (moment, .exited(code: 0))
    case 4:
      // Leaves well, without ever having accepted anything.
      plan.acceptsAfter = .max
      plan.mainExit = (moment, .exited(code: 0))
    case 5: plan.binds = plan.binds.map { random.chance(50) ? $0.map { $0 + moment } : nil }
    case 6:
      plan.acceptsAfter = .max
      plan.binds = plan.binds.map { random.chance(50) ? $0 : nil }
    case 7: plan.notifiesAfter = random.chance(50) ? nil : plan.notifiesAfter.map { $0 + moment }
    case 8: plan.shutsListenerDownAfter = moment
    default: plan.acceptsAfter += moment
    }
    return plan
  }

  static func anyStatus(_ random: inout Random) -> ExitStatus {
    switch random.below(3) {
    case 0: .exited(code: 0)
    case 1: .exited(code: 1)
    default: .signalled(6, dumpedCore: true)
    }
  }
}
