import Simulation

// A frozen service, and a successor of the manager.

extension Mutant {
  /// Sleep with connections open, and death while frozen.
  static let ofFreezing = [
    Mutant(
      "frozenUnarmed", "nothing is watched while the service is frozen", .freeze,
      "[.releaseMemory, .report(.frozen), .arm]", "[.releaseMemory, .report(.frozen)]", in: .freeze,
      [.armedOnlyWhenDormant], 100),
    Mutant(
      "sleepsThroughData", "what comes by a held connection wakes nobody", .freeze,
      "case .connectionWaiting, .dataArrived, .startRequested:",
      "case .dataArrived: return []\n    case .connectionWaiting, .startRequested:", in: .freeze,
      [.everyWaiterIsServedIfItCanStart], 1_000),
    Mutant(
      "freezesUnseen", "nobody looks whether a service that is frozen was at work", .freeze,
      "freezing.step = .looking(look, wakeAt: wakeAt)", "return becomeFrozen(freezing, wakeAt, at: now)", in: .freeze,
      [.everyWaiterIsServedIfItCanStart], 5_000),
    Mutant(
      "freezesTheActive", "data that came since the last look is no reason not to freeze", .freeze,
      "|| sample.lastUse.map { $0 > freezing.lastEvidence } ?? false", "", in: .freeze,
      [.neverEarly, .everyWaiterIsServedIfItCanStart], 5_000),
    Mutant(
      "thawsWhileHeld", "the service is thawed before the duplicates of its connections are closed", .freeze,
      "return releasing + thawing", "return thawing + releasing", in: .freeze, [.frozenMeansFrozen], 100),
    Mutant(
      "givenUpStaysFrozen", "a service that isn't to be frozen after all isn't thawed", .freeze,
      "return thawing + [.recordCloses, .report(report)]", "return [.recordCloses, .report(report)]", in: .freeze,
      [.everyWaiterIsServedIfItCanStart, .notTooLate], 300),
    Mutant(
      "killsUnfrozen", "a service that is to be killed is not frozen before", .rest,
      "if draining.instance.isFrozen {", "if true {", in: .freeze,
      [.noConnectionLost, .neverRestsWithAcceptedConnection], 1_000),
    Mutant(
      "killsUnseen", "the look at the frozen service that is to be killed has no consequence", .rest,
      "return isInUse ? giveUpRest(draining.instance, at: now) : killFrozen", "return killFrozen", in: .freeze,
      [.neverRestsWithAcceptedConnection, .neverEarly], 500),
    Mutant(
      "tellsTheUnsteered", "a service that may be killed gets SIGTERM, with its socket in front of it", .rest,
      "if configuration.restsByKill {", "if false {", in: .freeze,
      [.noConnectionLost, .neverRestsWithAcceptedConnection], 2_000),
  ]

  /// What is kept for a successor, and what that makes of it.
  static let ofSuccession = [
    Mutant(
      "forgetsQuitting", "the memory of a service that is told to quit says that it left by itself", .resume,
      "case .quit: .quitting", "case .quit: .clearing", in: .succession, [.stopsWhenAsked], 6_000),
    Mutant(
      "forgetsResting", "the memory of a service that is put to rest says that it left by itself", .resume,
      "case .rest: .resting", "case .rest: .clearing", in: .succession,
      [.everyWaiterIsServedIfItCanStart, .noConnectionLost], 15_000),
    Mutant(
      "forgetsCommitment", "that datagrams go to the second socket isn't remembered", .resume,
      "draining.isCommitted ? .committed : .draining", ".draining", in: .succession, [.noConnectionLost], 25_000),
    Mutant(
      "givesCommitmentUp", "a successor gives a commitment up that the kernel refuses", .rest,
      "guard let until = draining.commitUntil else {", "guard let until = draining.commitUntil, false else {",
      in: .succession, [.noConnectionLost], 15_000),
    Mutant(
      "forgetsFailures", "a successor begins a new row of failed starts", .resume,
      "failures = memory.failures", "", in: .succession, [.noSpawnStorm], 10_000),
    Mutant(
      "forgetsBackoff", "a successor doesn't wait for the end of a backoff", .resume,
      "state = .backingOff(BackingOff(until: until, restarts: memory.restarts))\n      return [.listenAgain]",
      "return [.listenAgain] + becomeDormant()", in: .succession, [.noSpawnStorm], 1_000),
    Mutant(
      "leavesSecondSockets", "a successor leaves the second sockets of a rest as they are", .resume,
      "if found.hasNext { return", "if found.hasNext, false { return", in: .succession,
      [.everyWaiterIsServedIfItCanStart], 6_000),
    Mutant(
      "leavesItFrozen", "a successor doesn't thaw what it finds frozen", .resume,
      "return thawing + [.listenAgain, .recordCloses]", "return [.listenAgain, .recordCloses]", in: .succession,
      [.everyWaiterIsServedIfItCanStart], 3_000),
    Mutant(
      "inheritsNoCloses", "a successor records no closes", .resume,
      "return thawing + [.listenAgain, .recordCloses]", "return thawing + [.listenAgain]", in: .succession,
      [.neverEarly], 2_000),
    Mutant(
      "overlooksDeadMain", "a successor takes workers without a main process for the service", .resume,
      "if found.hasProcesses, let status = found.mainExit {",
      "if found.hasProcesses, let status = found.mainExit, false {", in: .succession,
      [.everyWaiterIsServedIfItCanStart, .stopsWhenAsked], 1_000),
  ]
}
