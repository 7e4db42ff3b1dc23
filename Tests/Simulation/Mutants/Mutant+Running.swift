import Simulation

// A start, a failed one, use and idleness, and the end.

extension Mutant {
  /// Waking, and trying again.
  static let ofStarts = [
    Mutant(
      "dormantWithDeadline", "a timer is set while dormant", .core, "case .dormant: startAt",
      "case .dormant: Instant(nanoseconds: 1 << 62)", [.noDeadlineWhileDormant], 50),
    Mutant(
      "wakesArmed", "the held sockets go on being watched when the service starts", .wake,
      "[.disarm, .report(.waking)", "[.report(.waking)", [.armedOnlyWhenDormant], 50),
    Mutant(
      "recordsNoCloses", "closes aren't recorded from the wake on", .wake,
      ".spawn, .recordCloses]", ".spawn]", [.neverEarly], 50),
    Mutant(
      "followsTheFailed", "a main process that fails and leaves others behind has gone to the background", .wake,
      "guard status.isSuccess, hasSuccessor,", "guard hasSuccessor,", [.everyWaiterIsServedIfItCanStart], 2_000),
    Mutant(
      "startForgetsThatAllAreGone", "that no process is left isn't remembered while it starts", .wake,
      "starting.instance.isGone = true\n      state", "state", [.everyWaiterIsServedIfItCanStart, .stopsWhenAsked],
      1_000),
    Mutant(
      "leavesListenerShut", "a listener that the service has shut down while it runs isn't made to listen again",
      .watch,
      "[.listenAgain, .report(.listenerShutDown", "[.report(.listenerShutDown", [.noConnectionLost], 8_000),
    Mutant(
      "noBackoff", "a failed start is tried again at once", .retry,
      "BackingOff(until: now.advanced(by: delay), restarts: restarts)", "BackingOff(until: now)", [.noSpawnStorm], 300),
    Mutant(
      "backoffDoesNotGrow", "each failed start is the first of its row", .retry,
      "failures = wasHealthy(instance, at: now) ? 1 : failures + 1", "failures = 1", [.noSpawnStorm], 2_000),
    Mutant(
      "ignoredClientsAreNoFailure", "a service that leaves well has served, whoever still waits", .stop,
      "case .left where stopping.instance.hasIgnored(last):", "case .left where stopping.instance.isGone && false:",
      [.noSpawnStorm], 2_000),
    Mutant(
      "unseenStartIsGood", "without a first look a service that leaves has ignored nobody", .state,
      "guard let first else { return isWanted || last.acceptQueueLength > 0 }",
      "guard let first else { return false }", [.noSpawnStorm], 10_000),
    Mutant(
      "backoffHearsStaleAnswers", "the end of a backoff takes any answer for its own", .wake,
      "guard query == backingOff.query else { return [] }", "", [.noSpawnStorm], 40_000),
    Mutant(
      "backoffEndsWithFailedLook", "the look at the end of a backoff fails, and nothing follows", .wake,
      "return query == backingOff.query ? tryAgain(",
      "return query == backingOff.query && false ? tryAgain(",
      [.everyWaiterIsServedIfItCanStart], 50_000),
    Mutant(
      "backoffIsDueForEver", "the end of a backoff stays due while its look is under way", .core,
      "backingOff.query == nil ? backingOff.until : nil", "backingOff.until", [.deadlineMovesOn], 300),
    Mutant(
      "dormantUnarmed", "nothing is watched after a backoff at whose end nobody waits", .wake,
      "return [.report(.dormant), .arm]", "return [.report(.dormant)]", [.armedOnlyWhenDormant], 500),
  ]

  /// Idle or not.
  static let ofIdleness = [
    Mutant(
      "acceptedIsIdle", "an accepted connection doesn't count as use", .event,
      "(accepted == 0 || allowingSilence) && ", "", [.neverEarly], 500),
    Mutant(
      "queuedIsIdle", "a connection in the queue doesn't count as use", .event,
      "queuedOnCurrent.isEmpty && queuedOnNext", "queuedOnNext", [.neverEarly], 5_000),
    Mutant(
      "handshakeIsIdle", "a handshake doesn't count as use", .event,
      " && handshakes.isEmpty", "", [.neverEarly], 1_000),
    Mutant(
      "closedIsIdle", "a connection that has closed since the last look doesn't count as use", .event,
      " && !hasClosed", "", [.neverEarly], 50),
    Mutant(
      "evidenceIsNotRenewed", "a look that shows use doesn't start the idle time anew", .watch,
      "if !isQuiet { running.lastEvidence = now }", "", [.neverEarly], 50),
    Mutant(
      "lateAnswersAreLost", "an answer to a question that is no longer open tells of no close", .watch,
      "if sample.hasClosed { return handle(.connectionClosed, running: running, at: now) }", "",
      [.neverEarly], 20_000),
    Mutant(
      "restsAtHalfTime", "half the idle timeout is enough", .watch,
      "let end = running.lastEvidence.advanced(by: timeout)",
      "let end = running.lastEvidence.advanced(by: timeout / 2)", [.neverEarly], 6_000),
    Mutant(
      "watchesNoCloses", "nothing tells of the close that ends a visit between two looks", .watch,
      "return running.isQuiet ? [.watchCloses] : []", "return []", [.notTooLate], 50),
    Mutant(
      "looksTwiceAtOnce", "a look leaves the deadline where it is", .watch,
      "running.lookAt = nextLook(running.instance, at: now)\n      // One at a time.", "// One at a time.",
      [.deadlineMovesOn], 50),
  ]

  /// A service that has shut its listener down.
  static let ofDeafness = [
    Mutant(
      "judgesAtOnce", "a service that has shut its listener down is deaf as soon as somebody is seen twice", .deafness,
      "guard since.advanced(by: grace) <= askedAt else { return .unknown }", "", [.hearsOut], 15_000),
    Mutant(
      "hearsNobody", "that somebody waits at a listener that was shut down is not looked for", .watch,
      "case .isDeaf: return stop(running.instance, .left, at: now)", "case .isDeaf: break",
      [.hearsOut], 15_000),
  ]

  /// Ending an instance.
  static let ofEnds = [
    Mutant(
      "settlesWithMain", "the end of the main process is the end of all", .stop,
      "if stopping.instance.isGone {", "if true {",
      [.neverTwoInstances, .everyWaiterIsServedIfItCanStart, .stopsWhenAsked], 50),
    Mutant(
      "leavesOthersRunning", "what a main process that ends by itself leaves behind isn't waited for", .stop,
      "    if instance.isGone {", "    if true {", [.neverTwoInstances], 500),
    Mutant(
      "noKill", "no SIGKILL after the stop timeout", .stop,
      "killAt: configuration.stopTimeout.map(now.advanced(by:)),", "killAt: nil,",
      [.everyWaiterIsServedIfItCanStart, .stopsWhenAsked], 100),
    Mutant(
      "noKillOfLeftovers", "no SIGKILL for what outlives a main process that has ended by itself", .stop,
      "killAt: now.advanced(by: configuration.leftoverTimeout),", "killAt: nil,",
      [.everyWaiterIsServedIfItCanStart, .stopsWhenAsked], 3_000),
    Mutant(
      "stopIsForgotten", "asked to stop while the service ends, it is dormant afterwards", .stop,
      "stopping.purpose = .quit\n", "\n", [.stopsWhenAsked], 5_000),
  ]
}
