import Simulation
import Testing

@Suite struct FaultTests {
  struct Expectation {
    let profile: Profile
    let invariants: Set<Invariant>
    let seeds: UInt64
  }

  /// In which profile, what may tell of each fault, and within how many seeds.
  static func expectation(_ fault: Fault) -> Expectation {
    let isLost: Set<Invariant> = [.neverRestsWithAcceptedConnection, .noConnectionLost]
    return switch fault {
    case .barrierEndsAtOnce: Expectation(profile: .tcp, invariants: isLost, seeds: 2_000)
    case .armsBeforeSwap: Expectation(profile: .tcp, invariants: [.everyWaiterIsServedIfItCanStart], seeds: 50)
    case .hidesLimbo: Expectation(profile: .tcp, invariants: isLost, seeds: 2_000)
    case .readsQueuesAsEmpty: Expectation(profile: .tcp, invariants: isLost.union([.noSpawnStorm]), seeds: 12_000)
    case .hidesHandshakes: Expectation(profile: .tcp, invariants: isLost, seeds: 1_000)
    case .hidesOverruns: Expectation(profile: .tcp, invariants: [.neverEarly], seeds: 1_000)
    case .doesNotMigrate: Expectation(profile: .tcp, invariants: [.noConnectionLost], seeds: 1_000)
    case .saysGoneTooEarly: Expectation(profile: .tcp, invariants: [.neverTwoInstances], seeds: 100)
    case .ignoresSteering: Expectation(profile: .tcp, invariants: isLost, seeds: 200)
    case .neverListensAgain: Expectation(profile: .tcp, invariants: [.noConnectionLost], seeds: 2_000)
    case .dropsLeftovers: Expectation(profile: .unix, invariants: [.noConnectionLost], seeds: 10_000)
    case .hidesUnread: Expectation(profile: .udp, invariants: isLost, seeds: 1_000)
    case .hidesStamps: Expectation(profile: .udp, invariants: isLost.union([.neverEarly]), seeds: 200)
    case .sleepsThroughData:
      Expectation(profile: .freeze, invariants: [.everyWaiterIsServedIfItCanStart], seeds: 200)
    case .hidesData: Expectation(profile: .freeze, invariants: [.neverEarly], seeds: 200)
    case .remembersLate:
      Expectation(
        profile: .succession, invariants: isLost.union([.neverTwoInstances, .everyWaiterIsServedIfItCanStart]),
        seeds: 60_000)
    case .forgetsFreeze:
      Expectation(profile: .succession, invariants: [.everyWaiterIsServedIfItCanStart, .notTooLate], seeds: 2_000)
    case .forgetsNext:
      Expectation(
        profile: .succession, invariants: isLost.union([.everyWaiterIsServedIfItCanStart]), seeds: 2_000)
    }
  }

  @Test(arguments: Fault.allCases)
  func aKnownFaultIsSeen(fault: Fault) {
    let expected = Self.expectation(fault)
    for seed in 0..<expected.seeds {
      let faulty = Schedule(seed: seed, profile: expected.profile, fault: fault).run()
      guard let violation = faulty.violations.first else { continue }
      // It must be the fault that shows: without it the same schedule is in order.
      guard expected.invariants.contains(violation.invariant),
        Schedule(seed: seed, profile: expected.profile).run().violations.isEmpty
      else { continue }
      print("\(fault) is seen at seed \(seed) by \(violation.invariant)")
      return
    }
    Issue.record("\(fault) went unseen for \(expected.seeds) seeds")
  }
}
