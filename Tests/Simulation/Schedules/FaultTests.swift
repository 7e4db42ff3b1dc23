import Simulation
import Testing

@Suite struct FaultTests {
  /// What may tell of each fault, and within how many seeds.
  static func expectation(_ fault: Fault) -> (invariants: Set<Invariant>, seeds: UInt64) {
    switch fault {
    case .barrierEndsAtOnce: ([.neverRestsWithAcceptedConnection, .noConnectionLost], 2_000)
    case .armsBeforeSwap: ([.everyWaiterIsServedIfItCanStart], 50)
    case .hidesLimbo: ([.neverRestsWithAcceptedConnection, .noConnectionLost], 2_000)
    case .readsQueuesAsEmpty: ([.noSpawnStorm, .noConnectionLost, .neverRestsWithAcceptedConnection], 12_000)
    case .hidesHandshakes: ([.neverRestsWithAcceptedConnection, .noConnectionLost], 1_000)
    case .hidesOverruns: ([.neverEarly], 1_000)
    case .doesNotMigrate: ([.noConnectionLost], 1_000)
    case .saysGoneTooEarly: ([.neverTwoInstances], 100)
    case .ignoresSteering: ([.neverRestsWithAcceptedConnection, .noConnectionLost], 200)
    case .neverListensAgain: ([.noConnectionLost], 2_000)
    }
  }

  @Test(arguments: Fault.allCases)
  func aKnownFaultIsSeen(fault: Fault) {
    let expected = Self.expectation(fault)
    for seed in 0..<expected.seeds {
      guard let violation = Schedule(seed: seed, fault: fault).run().violations.first else { continue }
      // It must be the fault that shows: without it the same schedule is in order.
      guard expected.invariants.contains(violation.invariant), Schedule(seed: seed).run().violations.isEmpty else {
        continue
      }
      return
    }
    Issue.record("\(fault) went unseen for \(expected.seeds) seeds")
  }
}
