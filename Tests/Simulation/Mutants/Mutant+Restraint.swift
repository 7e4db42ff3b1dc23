import Simulation

// What costs time, wakeups or patience, and what is done to a service that works.

extension Mutant {
  static let ofRestraint = [
    Mutant(
      "restBarrierFirst", "the rest's barrier begins before new connections are steered", .rest,
      "return [.steer(.next), .barrier(query)]",
      "return [.barrier(query), .steer(.next)]", in: .unix, [.neverRestsWithAcceptedConnection, .noConnectionLost],
      2_000),
    Mutant(
      "returnBarrierFirst", "the barrier of a rest that is given up begins before new connections are steered back",
      .giveUp,
      "[.steer(.current), .barrier(query)]",
      "[.barrier(query), .steer(.current)]", in: .unix, [.noConnectionLost], 20_000),
    Mutant(
      "commitBarrierFirst", "the barrier begins before datagrams are steered", .rest,
      "return [.commitDatagrams, .barrier(query)] + thawing",
      "return [.barrier(query), .commitDatagrams] + thawing", in: .udp, [.neverRestsWithAcceptedConnection], 1_000),
    Mutant(
      "restNeverSeesTheEnd", "a handshake that was pending at the first look is pending for ever", .rest,
      "awaitHandshakes(pending.intersection(sample.handshakes), draining, at: now)",
      "awaitHandshakes(pending, draining, at: now)", [.givesUpForAReason], 1_000),
    Mutant(
      "restWaitsForEverybody", "a rest waits for handshakes that began after it was steered, too", .rest,
      "awaitHandshakes(pending.intersection(sample.handshakes), draining, at: now)",
      "awaitHandshakes(sample.handshakes, draining, at: now)", [.givesUpForAReason], 15_000),
    Mutant(
      "drainHasNoEnd", "a drain has no deadline", .rest,
      "case .barrier(query):\n      draining.deadline = now.advanced(by: configuration.drainTimeout)",
      "case .barrier(query):\n      draining.deadline = nil", [.drainsBriefly], 2_000),
    Mutant(
      "drainHearsNoLateAnswer", "a drain is given up while the kernel is being asked", .rest,
      "case .handshakeSnapshot, .queue, .inHand, .frozenLook, .withdrawn: true",
      "case .handshakeSnapshot, .queue, .inHand, .frozenLook, .withdrawn: false", [.givesUpForAReason], 5_000),
    Mutant(
      "drainIsDueForEver", "the deadline of a drain stays due while the kernel is being asked", .core,
      "draining.isAsking ? nil :", "draining.isAsking && false ? nil :", [.deadlineMovesOn], 5_000),
    Mutant(
      "returnHasNoEnd", "nobody is relayed while a handshake keeps the second socket from closing", .giveUp,
      "returning.deadline = now.advanced(by: returning.isLate ? handshakeLifetime : configuration.returnTimeout)",
      "", [.drainsBriefly], 5_000),
    Mutant(
      "restRecordsOn", "closes go on being recorded while dormant", .stop,
      ".swap, .forgetCloses,",
      ".swap,", [.nothingWhileDormant], 50),
    Mutant(
      "failureRecordsOn", "closes go on being recorded between failed starts", .stop,
      "return [.forgetCloses] + conclude(stopping, sample, at: now)",
      "return conclude(stopping, sample, at: now)", [.nothingWhileDormant], 200),
    Mutant(
      "returnTellsEveryClose", "each close after a rest that was given up is announced", .giveUp,
      "return [.recordCloses, report]",
      "return [report]", [.boundedWakeups], 500),
    Mutant(
      "looksAtStartsOften", "a start is looked at every millisecond for as long as it takes", .wake,
      "starting.lookInterval = min(starting.lookInterval * 2, longest)",
      "", [.boundedWakeups], 100),
    Mutant(
      "waitsAreTheSame", "the wait after a failed start doesn't grow", .backoff,
      "delay += delay",
      "", [.noSpawnStorm], 2_000),
    Mutant(
      "restKeepsFailures", "failed starts are counted on after a rest", .stop,
      "case .rest:\n      endRow()",
      "case .rest:", [.triedAgainInTime], 15_000),
    Mutant(
      "healthKeepsFailures", "failed starts are counted on after a service has run for long", .retry,
      "failures = wasHealthy(instance, at: now) ? 1 : failures + 1",
      "failures += 1", [.triedAgainInTime], 15_000),
    Mutant(
      "leftoversAreNotTold", "what outlives its main process gets no SIGTERM", .stop,
      "state = .stopping(stopping)\n    return [.terminateAll]", "state = .stopping(stopping)\n    return []",
      [.neverKilledUntold], 50),
    Mutant(
      "followsNobody", "a service that goes to the background has left", .wake,
      "guard status.isSuccess, hasSuccessor,",
      "guard false, status.isSuccess, hasSuccessor,", [.neverEndsTheHealthy], 50),
    Mutant(
      "firstBoundIsReady", "one bound address of two is enough to be ready", .wake,
      "starting.instance.adopted.isSuperset(of: held)\n",
      "!starting.instance.adopted.isEmpty\n", [.readyInTime], 200),
    Mutant(
      "emptyQueueIsReady", "a queue that nobody has been in is empty, and so the service ready", .wake,
      "if lengths.current == 0, starting.hasSeenQueue {",
      "if lengths.current == 0 {", [.readyInTime], 1_000),
    Mutant(
      "presumesWithSomebodyThere", "a start is over after a while, whoever waits", .wake,
      "guard lengths.current == 0, !starting.hasSeenQueue, starting.instance.adopted.isEmpty,",
      "guard starting.instance.adopted.isEmpty,", [.readyInTime], 300),
    Mutant(
      "neverPresumes", "a service that nobody waits for, and that binds nothing, isn't started before its timeout",
      .wake,
      "|| Self.isDue(configuration.settleGrace.map(begunAt.advanced(by:)), at: now)",
      "", [.readyInTime], 15_000),
    Mutant(
      "presumesTheUnborn", "a start is over although the process that is to be the service isn't there", .wake,
      "if !configuration.startsInBackground { starting.begunAt = now }",
      "starting.begunAt = now", in: .owner, [.readyInTime], 3_000),
    Mutant(
      "readyNoQueue", "nobody looks whether the queue of a service that starts is empty", .wake,
      "looks ? now.advanced(by: .milliseconds(1)) : nil",
      "nil", [.readyInTime, .neverEndsTheHealthy], 100),
    Mutant(
      "readyIgnoresNotify", "READY=1 isn't heard", .wake,
      "configuration.readiness == .notify ? becomeReady(starting.instance, at: now) : []",
      "[]", [.readyInTime, .neverEndsTheHealthy], 50),
    Mutant(
      "neverAbandons", "addresses that aren't bound are held for ever", .wake,
      "instance.abandonAt = isPartlyBound ?",
      "instance.abandonAt = false ?", [.abandonsWhatIsUnbound], 10_000),
    Mutant(
      "abandonsAtOnce", "addresses that aren't bound when the service is ready are given up at once", .wake,
      "configuration.startTimeout.map(instance.wokenAt.advanced(by:)) : nil",
      "now : nil", [.abandonsWhatIsUnbound], 15_000),
    Mutant(
      "startsForNobody", "a backoff ends in a start, whoever waits", .wake,
      "guard sample.queuedOnCurrent.isEmpty else {",
      "if true {", [.neverStartsForNobody], 300),
    Mutant(
      "failedLookIsQuiet", "a look that fails doesn't start the idle time anew", .watch,
      "running.query = nil\n        running.lastEvidence = now", "running.query = nil", [.neverEarly], 3_000),
    Mutant(
      "spawnFailureIsNone", "a service that can't be spawned is dormant again", .wake,
      "return settle(Stopping(instance: starting.instance, purpose: .failure(.cannotStart)), at: now)",
      "return [.forgetCloses] + becomeDormant()", [.noSpawnStorm], 1_000),
    Mutant(
      "crashIsNoFailure", "a service that dies while it starts has left by itself", .wake,
      "isGood ? .left : .failure(.diedStarting(status))",
      ".left", [.noSpawnStorm], 5_000),
    Mutant(
      "stopDoesNotThaw", "a frozen service is told to end, and left frozen", .stop,
      "return begins + [instance.mainExit == nil ? .terminateMain : .terminateAll] + thawing",
      "return begins + [instance.mainExit == nil ? .terminateMain : .terminateAll]", in: .freeze, [.neverKilledUntold],
      300),
    Mutant(
      "frozenForEver", "a service may be frozen for longer than its owner wants", .freeze,
      "stopAt: isPinned ? nil : configuration.stopAfterFrozen.map { max(now, asleepSince.advanced(by: $0)) }",
      "stopAt: nil", in: .freeze, [.wakesFrozenInTime], 300),
    Mutant(
      "sleepsThroughTimers", "a frozen service's own timers are late by the whole sleep", .freeze,
      "let wakeAt = instance.housekeepings > Instance.housekeepingsMax ? nil : wakeAt",
      "let wakeAt: Instant? = nil", in: .freeze, [.wakesFrozenInTime], 500),
  ]
}
