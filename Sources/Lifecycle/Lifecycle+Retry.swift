// What comes after an end: dormancy, or a wait and another start.

extension Lifecycle {
  /// It ended by itself and without an error.
  mutating func concludeWell(_ stopping: Stopping, _ last: Sample?, at now: Instant) -> [Action] {
    let instance = stopping.instance
    endRow()
    let report = Action.report(.leftByItself(awake: now.since(instance.wokenAt)))
    // Whoever waits starts it at once.
    let isWaitedFor = last.map { !$0.queuedOnCurrent.isEmpty || $0.acceptQueueLength > 0 } ?? true
    guard isStartedAgain(instance, after: .clean), !isWaitedFor else {
      return [report] + becomeDormant(after: stopping, at: now)
    }
    let hasServed = instance.hasAccepted || last?.showsService ?? false
    var delay = restarts == 0 ? configuration.restartDelay : waitOf(restarts)
    if stopping.isStartRequested { delay = .zero }
    restarts = hasServed || wasHealthy(instance, at: now) ? 0 : restarts + 1
    state = .backingOff(BackingOff(until: now.advanced(by: delay), restarts: true))
    return [report, .report(.restarting(in: delay))]
  }

  /// It has failed.
  mutating func retry(_ stopping: Stopping, _ failure: Failure, waiting: Int, at now: Instant) -> [Action] {
    let instance = stopping.instance
    failures = wasHealthy(instance, at: now) ? 1 : failures + 1
    var restarts = isStartedAgain(instance, after: failure.end)
    var delay = configuration.backoff.delay(afterFailures: failures)
    if restarts { delay = max(delay, configuration.restartDelay) }
    var reports: [Action] = []
    switch startTally.add(configuration.startLimit, at: now) {
    case .within: break
    case .reached:
      delay = max(delay, configuration.backoff.longest)
      reports = [.report(.startLimitHit(retryIn: delay))]
    case .beyond: delay = max(delay, configuration.backoff.longest)
    }
    // Whoever asks for a start doesn't wait, as with one that waits already.
    if stopping.isStartRequested { (delay, restarts) = (.zero, true) }
    state = .backingOff(BackingOff(until: now.advanced(by: delay), restarts: restarts))
    return [.report(.failed(failure, waiting: waiting, retryIn: delay))] + reports
  }

  /// Whether it is, though nobody waits. Of two lists of ends the one that forbids it comes first (systemd.service(5)).
  private func isStartedAgain(_ instance: Instance, after end: Restart.End) -> Bool {
    guard !instance.isVerification else { return false }
    if let status = instance.excusedExit ?? instance.mainExit {
      if configuration.restartPreventing.contains(status) { return false }
      if configuration.restartForcing.contains(status) { return true }
    }
    return configuration.restart.applies(to: end)
  }

  /// A start was no failed one.
  mutating func endRow() {
    failures = 0
    startTally = Tally()
  }

  /// Somebody wakes it again and again and wants nothing of it: not so often. nil: that isn't so.
  mutating func holdBack(_ stopping: Stopping, at now: Instant) -> [Action]? {
    restarts = 0
    guard stopping.instance.isWanted, !stopping.instance.hasAccepted, !stopping.isStartRequested else {
      triggerTally = Tally()
      return nil
    }
    let verdict = triggerTally.add(configuration.triggerLimit, at: now)
    guard verdict != .within else { return nil }
    let delay = configuration.backoff.longest
    state = .backingOff(BackingOff(until: now.advanced(by: delay)))
    return verdict == .reached ? [.report(.triggerLimitHit(retryIn: delay))] : []
  }

  private func waitOf(_ ends: Int) -> Duration {
    max(configuration.restartDelay, configuration.backoff.delay(afterFailures: ends))
  }

  private func wasHealthy(_ instance: Instance, at now: Instant) -> Bool {
    instance.readyAt.map { now.since($0) >= configuration.healthyAfter } ?? false
  }
}
