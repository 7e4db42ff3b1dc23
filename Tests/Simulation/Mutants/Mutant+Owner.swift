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
      "workIsNoUse", "work without a connection is no use", .event, "&& unreadDatagrams == 0 && !isAtWork",
      "&& unreadDatagrams == 0", in: .owner, [.neverEarly], 5_000),
    Mutant(
      "minimumUptimeIsIgnored", "a service rests however short it has run", .watch,
      "(running.instance.readyAt ?? running.instance.wokenAt).advanced(by: configuration.minimumUptime)",
      "running.lastEvidence", in: .owner, [.neverEarly], 5_000),
    Mutant(
      "ignoredIsForgotten", "one that counts comes to a service that sources that don't have woken, and it rests as if he hadn't",
      .core, "if running.instance.isWokenByIgnored, sample.showsAnybody {", "if false {",
      in: .owner, [.neverEarly], 40_000),
    Mutant(
      "ownStartsAreForgiven", "no work after a check is use", .core, "change { $0.ownStartLook = nil }", "",
      in: .owner, [.neverEarly], 40_000),
    Mutant(
      "restartIsForgotten", "a service isn't started again after a failure, whatever its policy says", .retry,
      "BackingOff(until: now.advanced(by: delay), restarts: restarts)", "BackingOff(until: now.advanced(by: delay))",
      in: .owner, [.restartsAsConfigured], 5_000),
    Mutant(
      "limitIsNotTold", "nobody is told that a start limit is reached", .retry,
      "reports = [.report(.startLimitHit(retryIn: delay))]", "", in: .owner, [.restartsAsConfigured], 2_000),
    Mutant(
      "limitIsNoLimit", "beyond the start limit a service is tried as often as before", .retry,
      "case .beyond: delay = max(delay, configuration.backoff.longest)", "case .beyond: break", in: .owner,
      [.noSpawnStorm], 25_000),
  ]
}
