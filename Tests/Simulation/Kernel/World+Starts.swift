import Lifecycle

// A start in truth: when it is ready, what it binds, and that what works is left to work.

extension World {
  private var longestAnswer: UInt64 { max(settings.slowestAnswer, 500 * microsecond) }
  private var startTimeout: UInt64 { settings.configuration.startTimeout?.nanosecondCount ?? .max / 2 }

  mutating func checkReady() {
    guard let instance = instances.last, instance.plan.isHealthy, settings.deaths == 0,
      now < instance.spawnedAt + startTimeout
    else { return }
    switch settings.configuration.readiness {
    case .notify: if !instance.hasNotified { violate(.readyInTime, "serving before READY=1") }
    case .automatic:
      let held = Set(kernel.groups.indices.filter { !kernel.groups[$0].isAbandoned })
      let isBound = settings.serviceBinds && instance.bound.isSuperset(of: held)
      if !isBound, !instance.hasAccepted, !mayBePresumed(instance) {
        violate(.readyInTime, "serving before it has bound all or accepted")
      }
    }
  }

  /// Nobody has been seen waiting, and it has lived for long enough.
  private func mayBePresumed(_ instance: Instance) -> Bool {
    guard !instance.isWanted, !instance.hasSeenQueue else { return false }
    return presumedAt(instance).map { $0 <= now } ?? false
  }

  private func presumedAt(_ instance: Instance) -> UInt64? {
    let configuration = settings.configuration
    if configuration.startsInBackground, instance.epoch == 0 { return nil }
    let settled = configuration.settleGrace.map { instance.begunAt + $0.nanosecondCount }
    let taken = instance.takenAt.map { max($0, instance.begunAt) + configuration.takenGrace.nanosecondCount }
    return [settled, taken].compactMap { $0 }.min()
  }

  /// Once it can be presumed ready it is.
  private mutating func checkPresuming(_ id: Int) {
    let instance = instances[id]
    guard !settings.serviceBinds, !instance.isWanted, kernel.queueLengths.current == 0, let due = presumedAt(instance)
    else { return instances[id].unwaitedSince = nil }
    let since = instance.unwaitedSince ?? now
    instances[id].unwaitedSince = since
    let begun = max(since, due)
    // One look sees that it has taken its sockets, and another that the grace after that is over.
    if now > begun + 2 * (60 * millisecond + (now - instance.spawnedAt) / 32 + 2 * longestAnswer) {
      violate(.readyInTime, "it lives, nobody waits, and it isn't serving")
    }
  }

  mutating func checkStarting() {
    guard let id = instances.indices.last, instances[id].plan.isHealthy, instances[id].isAlive,
      instances[id].ownExit == nil, settings.deaths == 0
    else { return }
    let instance = instances[id]
    let due: UInt64? =
      switch settings.configuration.readiness {
      case .notify: instance.plan.notifiesAfter
      case .automatic: settings.serviceBinds ? instance.plan.binds.compactMap { $0 }.max() : nil
      }
    if let due, now > instance.spawnedAt + due + millisecond { violate(.readyInTime, "up, and not serving") }
    if settings.configuration.readiness == .automatic, !instance.hasSeenQueue { checkPresuming(id) }
    guard settings.configuration.readiness == .automatic, !settings.serviceBinds, instance.isWanted,
      !instance.queuedAtBirth.isEmpty, instance.hasAccepted, kernel.queueLengths.current == 0
    else { return instances[id].emptySince = nil }
    let since = instance.emptySince ?? now
    instances[id].emptySince = since
    if now > since + 60 * millisecond + (now - instance.spawnedAt) / 32 + 2 * longestAnswer {
      violate(.readyInTime, "its queue is empty, and it isn't serving")
    }
  }

  mutating func checkStartLook() {
    guard case .starting = lifecycle.state, settings.deaths == 0, let id = instances.indices.last else { return }
    instances[id].queueLooks += 1
    if instances[id].queueLooks > 12 + (now - instances[id].spawnedAt) / (40 * millisecond) {
      violate(.boundedWakeups, "\(instances[id].queueLooks) looks at a start")
    }
  }

  // MARK: what isn't bound

  mutating func checkAbandoning() {
    guard let instance = instances.last, settings.deaths == 0, now < instance.spawnedAt + startTimeout else { return }
    violate(.abandonsWhatIsUnbound, "given up before the start timeout")
  }

  mutating func checkUnbound() {
    guard settings.serviceBinds, let instance = instances.last, instance.isAlive, settings.deaths == 0,
      let firstBound = instance.firstBoundAt,
      // Who binds only when it is ready has as long again.
      now
        > max(
          max(instance.spawnedAt, instance.readyAt.map { $0 <= firstBound } == true ? firstBound : 0) + startTimeout,
          // Not during a rest that is given up.
          lastExcuse) + 2 * millisecond + longestAnswer
    else { return }
    for socket in kernel.groups.indices where !kernel.groups[socket].isAbandoned && !instance.bound.contains(socket) {
      violate(.abandonsWhatIsUnbound, "socket \(socket) is still held")
    }
  }

  // MARK: signals

  mutating func checkEnding() {
    checkHearing()
    guard !isStopRequested, let instance = instances.last, instance.isAlive, instance.plan.isHealthy,
      instance.ownExit == nil, !instance.isTerminatedForRest, settings.deaths == 0
    else { return }
    if let end = runtimeEnd, now >= end, case .stopping(let stopping) = lifecycle.state,
      case .failure(.ranTooLong) = stopping.purpose
    {
      return
    }
    violate(.neverEndsTheHealthy, "told to end: \(stateName)")
  }

  /// When it has run for as long as it may.
  private var runtimeEnd: UInt64? {
    guard let instance = instances.last, let readyAt = instance.readyAt, let limit = ruling.runtimeMax else {
      return nil
    }
    return max(readyAt + limit.nanosecondCount, instance.runtimeExtendedTo)
  }

  /// `since`: what else was under way until then.
  mutating func checkRuntime(since: UInt64) {
    guard let end = runtimeEnd, settings.deaths == 0, now > max(end, since) + millisecond else { return }
    violate(.endsInTime, "it was to end at \(Outcome.format(end))")
  }

  /// One whose start, or whose end, has taken too long, where its owner wants that.
  mutating func checkAbort() {
    guard case .stopping(let stopping) = lifecycle.state, settings.deaths == 0 else { return }
    let isStart = if case .failure(.startTimedOut) = stopping.purpose { true } else { false }
    let isWanted = isStart && ruling.startTimeoutMode == .abort || ruling.stopTimeoutMode == .abort
    if !isWanted { violate(.neverKilledUntold, "aborted, although nobody wants that") }
  }

  private mutating func checkHearing() {
    guard case .stopping(let stopping) = lifecycle.state, stopping.purpose == .left, let instance = instances.last,
      instance.isMainAlive, !instance.isTerminated, !instance.saysStopping, instance.toldExit == nil,
      let shutDownAt = instance.shutDownAt,
      settings.deaths == 0, now < shutDownAt + settings.configuration.deafGrace.nanosecondCount
    else { return }
    violate(.hearsOut, "told to end, and its listener was shut down at \(Outcome.format(shutDownAt))")
  }

  mutating func checkDeafIsReplaced() {
    guard let instance = instances.last, instance.isMainAlive, !instance.isAccepting, instance.ownExit == nil,
      let shutDownAt = instance.shutDownAt, settings.deaths == 0, !settings.configuration.allowsSilence
    else { return }
    let waiting = kernel.connections.filter {
      $0.phase == .queued && !$0.isReset && !$0.isIgnored && $0.kind != .datagram && kernel.isCurrent($0.listener)
    }
    guard let first = waiting.map(\.queuedAt).min() else { return }
    let since = max(first, shutDownAt, kernel.lastUse(at: now), kernel.lastHandled, lastExcuse)
    // The longest time to a look, the grace, and the look at its end.
    if now > since + 5 * second + (now - shutDownAt) / 32 + 4 * settings.slowestAnswer {
      violate(.hearsOut, "somebody waits since \(Outcome.format(since)) for a service that doesn't accept any more")
    }
  }

  /// SIGKILL is for those that don't go by themselves.
  mutating func checkKill() {
    guard let instance = instances.last, instance.isAlive, !instance.isKilled, !isStopAtOnceRequested,
      !settings.configuration.restsByKill, settings.deaths == 0, let limit = settings.configuration.stopTimeout
    else { return }
    let plan = instance.plan
    if settings.configuration.killMode == .mixed, !instance.isMainAlive { return }
    let hasTime = 2 * plan.terminatesWithin + millisecond < min(limit, .seconds(5)).nanosecondCount
    if hasTime, !plan.ignoresTerminate, !plan.childrenIgnoreTerminate, plan.isHealthy {
      violate(.neverKilledUntold, "killed, although it ends when it is told to")
    }
  }

  mutating func checkLeftoversAreTold() {
    guard let instance = instances.last, instance.toldExit != nil, !instance.isMainAlive, instance.childrenAlive > 0,
      !instance.isToldAll, !isStopAtOnceRequested, settings.configuration.killMode == .controlGroup,
      !settings.configuration.restsByKill, settings.deaths == 0
    else { return }
    violate(.neverKilledUntold, "what outlives its main process is killed without SIGTERM")
  }
}
