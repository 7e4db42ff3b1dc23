import Lifecycle

// What is checked, and when.

extension World {
  mutating func violate(_ invariant: Invariant, _ detail: String) {
    note("VIOLATION \(invariant.rawValue): \(detail)")
    guard outcome.violations.isEmpty else { return }
    outcome.violations.append(Violation(invariant: invariant, time: now, detail: detail))
  }

  /// After every step.
  mutating func check() {
    guard !isManagerDown else { return }
    checkAwaitedStart()
    switch lifecycle.state {
    case .dormant:
      if !isArmed { violate(.armedOnlyWhenDormant, "dormant and not armed") }
      if lifecycle.deadline != nil, !owner.awaitsStart { violate(.noDeadlineWhileDormant, "dormant with a deadline") }
      if kernel.closeRecord != .off { violate(.nothingWhileDormant, "dormant with a record of closes") }
      if kernel.isHeld { violate(.frozenMeansFrozen, "dormant, and its connections are held") }
      if owner.isRestartDue, settings.deaths == 0 { violate(.restartsAsConfigured, "dormant, and to be started again") }
      return
    case .frozen:
      if !isArmed { violate(.armedOnlyWhenDormant, "frozen and not armed") }
      checkFrozen()
      return
    case .running:
      checkRestIsNotOverdue()
      checkDoze()
      checkIgnoredDoNotKeepItUp()
      checkUnbound()
      checkRequestIsAnswered()
      checkDeafIsReplaced()
      checkRuntime(since: lastExcuse)
    case .starting: checkStarting()
    case .draining: checkDrainIsBrief()
    case .returning: checkReturnIsBrief()
    case .backingOff:
      if kernel.closeRecord != .off { violate(.nothingWhileDormant, "backing off with a record of closes") }
      checkTriedAgain()
    case .freezing, .stopping, .ended: break
    }
    if isArmed { violate(.armedOnlyWhenDormant, "armed while \(stateName)") }
  }

  mutating func checkActions(_ actions: [Action], _ event: Event) {
    if actions.count > 8 { violate(.boundedActions, "\(actions.count) actions for \(event)") }
    if event == .deadlineReached, let deadline = lifecycle.deadline, deadline.nanoseconds <= now {
      // Two deadlines of one state may be due at once, and are dealt with one after the other.
      idleTurnsOfTimer += 1
      if idleTurnsOfTimer > 3 { violate(.deadlineMovesOn, "due again at once, \(idleTurnsOfTimer) times in a row") }
    } else {
      idleTurnsOfTimer = 0
    }
  }

  // MARK: rest

  private mutating func checkRestIsNotOverdue() {
    guard let idleTimeout, let instance = instances.last, instance.plan.isHealthy, instance.isAlive else { return }
    guard !owner.forbidsRest(instances.count - 1), !instance.isHanging else { return }
    let last = max(lastExcuse, kernel.lastActivity(at: now), owner.lastWork(at: now))
    let youngest = (instance.readyAt ?? 0) + ruling.minimumUptime.nanosecondCount
    // The answers to the last two looks, each asked and given some time apart, and the timers before them.
    let allowance = idleTimeout / 8 + 4 * settings.slowestAnswer + 3 * millisecond
    if now > max(last + idleTimeout, youngest) + allowance {
      violate(.notTooLate, "idle since \(Outcome.format(last)), and still no rest")
    }
  }

  /// Woken by nobody who counts, it has no idle time.
  private mutating func checkIgnoredDoNotKeepItUp() {
    guard let id = instances.indices.last, instances[id].isToldIgnored, let readyAt = instances[id].readyAt,
      instances[id].plan.isHealthy, instances[id].isAlive, !instances[id].isHanging, idleTimeout != nil,
      settings.deaths == 0, !owner.forbidsRest(id), lastExcuse <= readyAt, lastVisitSeen < instances[id].spawnedAt,
      kernel.lastActivity(at: now) < instances[id].spawnedAt, owner.lastWork(at: now) <= readyAt
    else { return }
    let due = readyAt + max(ruling.ignoredGrace, ruling.minimumUptime).nanosecondCount
    if now > due + 4 * max(settings.slowestAnswer, 500 * microsecond) + 2 * millisecond {
      violate(.notTooLate, "woken by nobody who counts, and still no rest")
    }
  }

  mutating func checkRestBegins() {
    checkRestIsAllowed()
    owner.restLookAt = isServiceFrozen ? owner.lastLookAt : nil
    // It rests already.
    if isServiceFrozen { return checkFrozenIsStopped() }
    guard let idleTimeout else {
      if !checkRestWasAsked() { violate(.neverEarly, "rests although its idle timeout is infinite") }
      return
    }
    let readyAt = instances.last?.readyAt ?? 0
    let youngest = readyAt + ruling.minimumUptime.nanosecondCount
    guard now < max(max(lastUseSeen, owner.wordEndedAt) + idleTimeout, youngest) else { return }
    if isRestFromIgnored(youngest) { return }
    // It went on for a moment, and nobody has used it since it was frozen.
    if let since = instances.last?.frozenFirst, max(lastUseSeen, owner.wordEndedAt) <= since, now >= youngest { return }
    if checkRestWasAsked() { return }
    violate(.neverEarly, "rests although in use at \(Outcome.format(lastUseSeen))")
  }

  /// Nobody who counts has been there since it was started.
  private mutating func isRestFromIgnored(_ youngest: UInt64) -> Bool {
    guard let instance = instances.last, instance.isWokenByIgnored, lastVisitSeen < instance.spawnedAt,
      now >= max(youngest, (instance.readyAt ?? 0) + ruling.ignoredGrace.nanosecondCount)
    else { return false }
    outcome.counts.restsFromIgnored += 1
    return true
  }

  mutating func checkTermination() {
    guard case .stopping(let stopping) = lifecycle.state, stopping.purpose == .rest,
      let instance = instances.indices.last,
      !instances[instance].isTerminatedForRest
    else { return }
    instances[instance].isTerminatedForRest = true
    if instances[instance].isFrozen, settings.configuration.restsByKill { outcome.counts.killsWhileFrozen += 1 }
    for (id, connection) in kernel.connections.enumerated() where connection.isActive {
      switch connection.phase {
      case .away, .gone: break
      case .limbo, .inHand:
        if isExcused(connection) {
          kernel.change(id, at: now) { $0.isGivenUp = true }
          continue
        }
        violate(.neverRestsWithAcceptedConnection, "connection \(id) is \(connection.phase)")
      case .synInProcess, .handshaking, .queued:
        // What can't be steered is in the queue of a service that is killed without seeing it.
        guard kernel.isCurrent(connection.listener), kernel.groups[connection.socket].next != nil else { continue }
        if connection.isVanishing || isExcused(connection) { continue }
        violate(.neverRestsWithAcceptedConnection, "connection \(id) is \(connection.phase) on the current socket")
      }
    }
    // Committed, and something has come: there is no way back. Whatever came in between has been answered, and that is all.
    if kernel.hasCommitted { return }
    // Nor is there for one that has died by itself.
    if committedAt != nil, settings.deaths > 0 || instances[instance].ownExit != nil { return }
    checkRestIsAllowed()
    checkIsIdle()
  }

  /// When it is told to end, or frozen.
  mutating func checkIsIdle() {
    guard let instance = instances.last,
      !kernel.connections.contains(where: { $0.isPreempted && $0.isWithService })
    else { return }
    let lastUse = kernel.lastUse(at: now, asSeen: true)
    if let restLookAt = owner.restLookAt, lastUse <= restLookAt { return }
    if instance.isWokenByIgnored, lastUse < instance.spawnedAt { return }
    if let since = instance.frozenFirst, lastUse <= since { return }
    if let idleTimeout, now < lastUse + idleTimeout {
      violate(.neverEarly, "at rest although in use at \(Outcome.format(lastUse))")
    }
  }

  /// What no order of steps could save: documented, and rare.
  func isExcused(_ connection: Connection) -> Bool {
    // Out of its processor between finding the listener and its queue for longer than a barrier takes.
    if connection.isPreempted || connection.isGivenUp { return true }
    // A service that doesn't read, or is gone by itself: what its old socket has can't go to the new one.
    if connection.kind == .datagram, let instance = instances.last {
      return !instance.plan.isHealthy || instance.ownExit != nil
    }
    if connection.isIgnored { return connection.wasSilent(for: Connection.ignoredGrace, at: lastLookAt) }
    guard settings.configuration.allowsSilence, connection.phase == .inHand else { return false }
    // It was silent when datagrams were steered, and something has come since: it has the time that a datagram would have.
    if let committedAt, kernel.hasCommitted {
      let grace = settings.configuration.answerGrace.nanosecondCount
      let patience = settings.configuration.datagramPatience.nanosecondCount
      return connection.wasSilent(for: grace, at: now) || now >= committedAt + patience
    }
    // Silent for the whole timeout when it was last looked at: by configuration nobody's use.
    // No other timeout is shorter than the first.
    let timeout = settings.configuration.idleTimeout?.nanosecondCount ?? World.firstFiniteTimeout
    return connection.wasSilent(for: timeout, at: lastLookAt)
  }

  /// The timeout of one that had none, when its owner gives it one.
  static let firstFiniteTimeout = 10 * second

  // MARK: failed starts

  /// 1 s, 2 s, 4 s … one minute: said anew, so that the core's own formula is checked, too.
  static func wait(afterFailures failures: Int) -> UInt64 { min(second << UInt64(min(failures - 1, 6)), 60 * second) }

  mutating func checkTriedAgain() {
    guard let failedAt, failuresInRow > 0, settings.deaths == 0, kernel.queueLengths.current > 0 else { return }
    let end = failedAt + owner.wait(failuresInRow) + 3 * settings.slowestAnswer + 3 * millisecond
    if now > end {
      violate(.triedAgainInTime, "failed start \(failuresInRow) in a row ended at \(Outcome.format(failedAt))")
    }
  }

  mutating func checkSpawn() {
    if case .sampled = feeding, kernel.queueLengths.current == 0, settings.deaths == 0, !owner.isRestartDue,
      !owner.awaitsStart
    {
      violate(.neverStartsForNobody, "spawned")
    }
    if feeding == .deadlineReached, !owner.awaitsStart { violate(.neverStartsForNobody, "spawned at a deadline") }
    guard let failedAt, failuresInRow > 0 else { return }
    let wait = owner.wait(failuresInRow)
    if now < failedAt + wait {
      let end = Outcome.format(failedAt)
      violate(.noSpawnStorm, "failed start \(failuresInRow) in a row ended at \(end); spawned again")
    }
  }

  /// An instance has come to an end, as the core sees it: was it a failed start, in truth?
  mutating func noteEnd(hasFailed: Bool) {
    if let id = instances.indices.last {
      if instances[id].isEndNoted {
        if hasFailed, !owner.awaitsStart { failedAt = now }
        return
      }
      instances[id].isEndNoted = true
    }
    guard hasFailed else {
      failuresInRow = 0
      failedAt = nil
      return
    }
    let readyAt = instances.last?.readyAt
    let wasHealthy = readyAt.map { now - $0 >= settings.configuration.healthyAfter.nanosecondCount } ?? false
    failuresInRow = wasHealthy ? 1 : failuresInRow + 1
    // A person's request waits for nothing.
    failedAt = owner.awaitsStart ? nil : now
  }

  /// It went without ever accepting, while what was in the queue at its birth still is.
  private var hasIgnoredClients: Bool {
    guard let instance = instances.last, !instance.hasAccepted, !instance.isInherited, !instance.queuedAtBirth.isEmpty
    else { return false }
    return instance.queuedAtBirth.allSatisfy { kernel.connections[$0].phase == .queued }
  }

  /// The core was told that it ended with an error, and not by us.
  private var hasFailedByItself: Bool {
    guard let instance = instances.last, let exit = instance.toldExit else { return false }
    return !exit.isSuccess && !instance.isToldToEnd && !instance.isTerminated && !instance.isInherited
  }

  mutating func hear(_ report: Report) {
    noteReport(report)
    switch report {
    case .waking: outcome.counts.wakes += 1
    case .serving:
      checkReady()
      if let id = instances.indices.last { instances[id].readyAt = now }
      lastExcuse = now
    case .rested:
      outcome.counts.rests += 1
      noteEnd(hasFailed: false)
    case .restAborted:
      outcome.counts.abortedRests += 1
      restIsGivenUp()
    case .restImpossible:
      outcome.counts.impossibleRests += 1
      restIsGivenUp()
    case .failed(let failure, _, _):
      outcome.counts.failedStarts += 1
      if failuresInRow > 0 { outcome.counts.backoffs += 1 }
      count(failure)
      noteEnd(hasFailed: true)
    case .leftByItself:
      outcome.counts.leftByItself += 1
      if hasIgnoredClients { outcome.counts.ignoredClients += 1 }
      noteEnd(hasFailed: hasFailedByItself || hasIgnoredClients)
    case .stopped: outcome.counts.stops += 1
    case .frozen: becomesFrozen()
    case .thawed: goesOn()
    case .dormant, .resting, .wentToBackground, .neverBound, .listenerShutDown, .stopTimedOut,
      .leftoversKilled, .stopping:
      break
    case .readyToVerify: outcome.counts.verifications += 1
    case .restarting: outcome.counts.restarts += 1
    case .startLimitHit, .triggerLimitHit: outcome.counts.limitsHit += 1
    }
  }

  private mutating func restIsGivenUp() {
    lastExcuse = now
    // One that stays frozen was only refused.
    if case .frozen = lifecycle.state { return }
    guard let id = instances.indices.last else { return }
    instances[id].frozenFirst = nil
    instances[id].asleepSince = nil
    instances[id].doze = nil
  }

  private mutating func count(_ failure: Failure) {
    switch failure {
    case .startTimedOut: outcome.counts.startTimeouts += 1
    case .leftClientsWaiting: outcome.counts.ignoredClients += 1
    case .ranTooLong: outcome.counts.runtimeLimits += 1
    case .cannotStart, .diedStarting, .died, .watchdog: break
    }
  }

  // MARK: the end

  /// Nothing is left that could happen.
  mutating func checkEnd() {
    guard outcome.violations.isEmpty else { return }
    for (id, connection) in kernel.connections.enumerated() where connection.hasWaitingClient {
      switch connection.phase {
      case .gone: break
      case .away, .synInProcess, .handshaking, .queued, .limbo, .inHand:
        violate(.everyWaiterIsServedIfItCanStart, "connection \(id) is \(connection.phase) for ever")
      }
    }
    switch lifecycle.state {
    case .dormant, .ended: break
    case .running where idleTimeout == nil: break
    case .running: violate(.notTooLate, "nothing happens any more, and it runs")
    case .frozen: break
    case .starting, .draining, .returning, .freezing, .stopping, .backingOff:
      violate(.everyWaiterIsServedIfItCanStart, "stuck: \(stateName)")
    }
    if isStopRequested, !hasFinished { violate(.stopsWhenAsked, stateName) }
  }
}
