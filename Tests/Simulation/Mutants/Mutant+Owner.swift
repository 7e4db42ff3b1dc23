import Simulation

// What an owner asks for, and what a service says of itself.

extension Mutant {
  static let ofRequests = [
    Mutant(
      "restsThePinned", "a pin is no reason not to rest", .requests,
      "configuration.idleTimeout != nil && !isPinned && !instance.saysBusy",
      "configuration.idleTimeout != nil && !instance.saysBusy", in: .owner, [.neverRestsAgainstAWord], 5_000),
    Mutant(
      "restsTheBusy", "its own word is no reason not to rest", .requests,
      "!isPinned && !instance.saysBusy && !instance.isVerification", "!isPinned && !instance.isVerification",
      in: .owner, [.neverRestsAgainstAWord], 5_000),
    Mutant(
      "requestIsBlind", "a rest that is asked for doesn't mind who is there", .requests,
      "if isInUse { return abortRequestedRest(running, at: now) }", "", in: .owner,
      [.neverEarly, .neverRestsWithAcceptedConnection, .noConnectionLost], 2_000),
    Mutant(
      "requestInterruptsAnswers", "a rest that is asked for begins while a datagram is being answered", .requests,
      "sample.isAtWork || isAnswering", "sample.isAtWork", in: .owner, [.neverRestsWithAcceptedConnection], 20_000),
    Mutant(
      "requestIsForgotten", "a service that starts forgets that it is to rest", .wake,
      "(instance.isRestRequested ? lookForRest(running, at: now) : [])", "[]", in: .owner, [.answersRequests], 5_000),
    Mutant(
      "startIsForgotten", "a service that is leaving forgets that it is to be started again", .stop,
      "stopping.isStartRequested = true", "stopping.isStartRequested = false", in: .owner, [.answersRequests], 500),
    Mutant(
      "startIsNotTakenBack", "a rest that is asked for is no reason not to start after the end", .requests,
      "stopping.isStartRequested = false", "", in: .owner, [.neverStartsForNobody], 5_000),
    Mutant(
      "workIsNoUse", "work without a connection is no use", .event, "&& unreadDatagrams == 0 && !isAtWork",
      "&& unreadDatagrams == 0", in: .owner, [.neverEarly], 5_000),
    Mutant(
      "minimumUptimeIsIgnored", "a service rests however short it has run", .watch,
      "(running.instance.readyAt ?? running.instance.wokenAt).advanced(by: configuration.minimumUptime)",
      "running.lastEvidence", in: .owner, [.neverEarly], 5_000),
    Mutant(
      "wordsLeaveNoTrace", "a service that was held can rest as soon as it is released", .requests,
      "running.lastEvidence = now\n      running.lookAt", "running.lookAt", in: .owner, [.neverEarly], 1_000),
    Mutant(
      "ignoredHaveIdleTime", "woken by sources that don't count, a service has its idle time", .state,
      "isWokenByIgnored = sample.isOnlyIgnored &&", "isWokenByIgnored = false &&", in: .owner, [.notTooLate], 1_000),
    Mutant(
      "ignoredIsForgotten", "woken by sources that don't count, a service rests as if nobody else had come since",
      .core, "sample.showsAnybody {", "sample.showsAnybody, false {",
      in: .owner, [.neverEarly], 6_000),
    Mutant(
      "ownStartsAreForgiven", "no work after a check is use", .core,
      "change { $0.ownStartLook = nil }\n    return query == look", "return true", in: .owner, [.neverEarly], 5_000),
    Mutant(
      "restartIsForgotten", "a service isn't started again after a failure, whatever its policy says", .retry,
      "BackingOff(until: now.advanced(by: delay), restarts: restarts)", "BackingOff(until: now.advanced(by: delay))",
      in: .owner, [.restartsAsConfigured], 5_000),
    Mutant(
      "preventingIsIgnored", "a service is started again after an end that forbids it", .retry,
      "if configuration.restartPreventing.contains(status) { return false }", "", in: .owner,
      [.restartsAsConfigured], 12_000),
    Mutant(
      "forcingIsIgnored", "a service isn't started again after an end that demands it", .retry,
      "if configuration.restartForcing.contains(status) { return true }", "", in: .owner, [.restartsAsConfigured],
      1_000),
    Mutant(
      "excusesAreForgotten", "how a service has really ended is not what its restart goes by", .retry,
      "instance.excusedExit ?? instance.mainExit", "instance.mainExit", in: .owner, [.restartsAsConfigured], 40_000),
    Mutant(
      "runsForEver", "a service may run for longer than its owner wants", .wake,
      "configuration.runtimeMax.map(now.advanced(by:))", "nil", in: .owner, [.endsInTime], 50),
    Mutant(
      "extensionIsIgnored", "a service that asks for time is ended when it has run for as long as it may", .requests,
      "change { $0.runtimeEndsAt = $0.runtimeEndsAt.map { max($0, end) } }", "break", in: .owner,
      [.neverEndsTheHealthy], 1_000),
    Mutant(
      "abortsForEver", "a service that doesn't heed the watchdog's signal is never killed", .stop,
      "stopping.killAt = configuration.abortTimeout.map(now.advanced(by:))", "stopping.killAt = nil", in: .owner,
      [.everyWaiterIsServedIfItCanStart, .stopsWhenAsked], 2_000),
    Mutant(
      "limitIsNotTold", "nobody is told that a start limit is reached", .retry,
      "reports = [.report(.startLimitHit(retryIn: delay))]", "", in: .owner, [.restartsAsConfigured], 2_000),
    Mutant(
      "limitIsNoLimit", "beyond the start limit a service is tried as often as before", .retry,
      "case .beyond: delay = max(delay, configuration.backoff.longest)", "case .beyond: break", in: .owner,
      [.noSpawnStorm], 25_000),
  ]
}
