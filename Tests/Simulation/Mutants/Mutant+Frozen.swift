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

  /// Sleep that goes on, but for moments.
  static let ofSleep = [
    Mutant(
      "timersAreUse", "a service that is thawed for a timer of its own has its idle time anew", .freeze,
      "frozen, lastEvidence: frozen.lastEvidence, lookAt: now.advanced(by: slice), at: now)",
      "frozen, lastEvidence: now, lookAt: now.advanced(by: slice), at: now)", in: .freeze, [.wakesFrozenInTime], 1_000),
    Mutant(
      "ignoredAreUse", "so has one that somebody lets go on who doesn't count", .freeze,
      "lastEvidence: frozen.lastEvidence, lookAt: lookAt, at: now)",
      "lastEvidence: now, lookAt: lookAt, at: now)", in: .owner, [.wakesFrozenInTime], 2_000),
    Mutant(
      "sleepIsNotRemembered", "a timer of its own puts off the end of a frozen service", .freeze,
      "instance.isAsleep(freezing.lastEvidence) ? instance.asleepSince ?? now : now", "now", in: .freeze,
      [.wakesFrozenInTime], 5_000),
    Mutant(
      "askedSleepIsForgotten", "thawed for a moment, a service that was asked to sleep has the rest of its idle time",
      .watch, "if running.instance.isAsleep(running.lastEvidence), let", "if false, let", in: .owner,
      [.wakesFrozenInTime], 2_000),
    Mutant(
      "frozenAreStoppedAtOnce", "how long it may be frozen doesn't matter", .freeze,
      "configuration.stopAfterFrozen.map { max(now, asleepSince.advanced(by: $0)) }",
      "configuration.stopAfterFrozen.map { _ in now }", in: .freeze, [.neverEarly], 500),
    Mutant(
      "pinnedTimeCounts", "a frozen service is stopped as if it had not been held meanwhile", .requests,
      "frozen.instance.asleepSince = now", "", in: .owner, [.neverEarly], 40_000),
    Mutant(
      "freezesTheTaken", "what accept() has just taken from the queue is no reason not to freeze", .freeze,
      "sample.isAtWork || !sample.queuedOnCurrent.isEmpty ||", "sample.isAtWork ||", in: .freeze,
      [.everyWaiterIsServedIfItCanStart, .neverEarly], 2_000),
    Mutant(
      "freezesBehindVisitors", "a visitor who came and went is no reason not to freeze", .freeze,
      "sample.hasClosed || sample.isAtWork || !sample.queuedOnCurrent", "sample.isAtWork || !sample.queuedOnCurrent",
      in: .freeze, [.neverEarly], 2_000),
    Mutant(
      "freezingHasNoEnd", "freezing has no deadline", .freeze, "guard freezing.deadline <= now else { return [] }",
      "guard freezing.deadline <= now, false else { return [] }", in: .freeze,
      [.everyWaiterIsServedIfItCanStart, .deadlineMovesOn, .stopsWhenAsked], 2_000),
    Mutant(
      "killsHeld", "a service is killed while we have duplicates of its connections", .stop,
      "return releasing + [.killAll]", "return [.killAll]", in: .freeze, [.frozenMeansFrozen], 1_000),
    Mutant(
      "startsNothingFrozen", "a start that is asked for doesn't let a frozen service go on", .freeze,
      "case .connectionWaiting, .dataArrived, .startRequested:",
      "case .startRequested: return []\n    case .connectionWaiting, .dataArrived:", in: .freeze, [.answersRequests],
      30_000),
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
