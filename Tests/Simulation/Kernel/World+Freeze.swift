import Lifecycle

// A frozen service: what it would do waits for the thaw, and its connections are held.

extension World {
  var isServiceFrozen: Bool { instances.last?.isFrozen ?? false }

  /// Killed, it ends without doing anything else.
  mutating func deferWhileFrozen(_ happening: Happening) {
    guard let id = instances.indices.last, instances[id].isKilled else { return deferred.append(happening) }
    switch happening {
    case .mainExits(let id, let status): mainExits(id, status)
    case .childExits(let id): childExits(id)
    default: break
    }
  }

  mutating func freeze(_ query: Query) {
    ambush()
    checkRestBegins()
    freezeTurn += 1
    if !isHealed, extras.chance(settings.failsFreezePercent) {
      outcome.counts.failedFreezes += 1
      // Refused, or not done in time: a process that is in the middle of something slow.
      if extras.chance(50) { return add(.answer(.freezeFailed(query)), after: answerDelay()) }
      if let id = instances.indices.last { instances[id].isToFreeze = true }
      return add(.freezes(turn: freezeTurn, query), after: 2 * second)
    }
    if let id = instances.indices.last { instances[id].isToFreeze = true }
    add(.freezes(turn: freezeTurn, query), after: extras.spread(microsecond...5 * millisecond))
  }

  mutating func freezes(_ turn: Int, _ query: Query) {
    guard turn == freezeTurn, let id = instances.indices.last, instances[id].isAlive else { return }
    instances[id].isFrozen = true
    owner.workUntil = min(owner.workUntil, now)
    if instances[id].isKilled { return }
    add(.answer(.frozen(query)), after: answerDelay())
  }

  /// Its own timers aren't late by the sleep, and it doesn't sleep for longer than its owner wants.
  mutating func checkFrozen() {
    guard let id = instances.indices.last, settings.deaths == 0, instances[id].isAlive else { return }
    let since = instances[id].frozenSince ?? now
    instances[id].frozenSince = since
    checkRuntime(since: since)
    if let due = instances[id].timerDue, now > max(due, since) + millisecond {
      violate(.wakesFrozenInTime, "a timer of its own was due at \(Outcome.format(due))")
    }
    if let end = stopAfterFrozen(instances[id].asleepSince ?? since), !owner.isPinned,
      now > max(end, since) + millisecond
    {
      violate(.wakesFrozenInTime, "frozen since \(Outcome.format(since))")
    }
  }

  private func stopAfterFrozen(_ since: UInt64) -> UInt64? {
    settings.configuration.stopAfterFrozen.map { max(since, owner.pinChangedAt) + $0.nanosecondCount }
  }

  /// It is frozen, and its connections have to go.
  mutating func checkFrozenIsStopped() {
    guard let id = instances.indices.last, let since = instances[id].frozenFirst, settings.deaths == 0,
      owner.askedRestAt == nil
    else { return }
    guard let end = stopAfterFrozen(since), now >= end else {
      return violate(.neverEarly, "stopped, and frozen since \(Outcome.format(since))")
    }
  }

  mutating func becomesFrozen() {
    outcome.counts.freezes += 1
    if fault == nil, !isServiceFrozen { violate(.frozenMeansFrozen, "said to be frozen, and it runs") }
    checkIsIdle()
    guard let id = instances.indices.last else { return }
    let hasGoneOn = instances[id].doze.map { lastExcuse > $0.began } ?? true
    let isUsed = instances[id].frozenFirst.map { max(lastUseSeen, owner.wordEndedAt) > $0 } ?? true
    if isUsed { instances[id].frozenFirst = now }
    // Asked for anew, it counts anew.
    if isUsed || hasGoneOn || owner.askedRestAt != nil { instances[id].asleepSince = nil }
    owner.askedRestAt = nil
    instances[id].asleepSince = instances[id].asleepSince ?? now
    instances[id].doze = nil
  }

  /// For a while, if it is for a timer of its own or for those who don't count.
  mutating func goesOn() {
    lastExcuse = now
    guard let id = instances.indices.last else { return }
    let grace: Duration
    switch feeding {
    case .deadlineReached: grace = ruling.thawSlice
    case .ignoredCame: grace = ruling.ignoredGrace
    default:
      instances[id].frozenFirst = nil
      instances[id].asleepSince = nil
      return
    }
    if feeding == .ignoredCame { outcome.counts.thawsByIgnored += 1 }
    instances[id].doze = Instance.Doze(began: now, until: now + grace.nanosecondCount)
  }

  /// Then it is frozen again.
  mutating func checkDoze() {
    guard let id = instances.indices.last, let doze = instances[id].doze, idleTimeout != nil, settings.deaths == 0,
      lastExcuse <= doze.began, instances[id].plan.isHealthy, instances[id].isAlive, !instances[id].isHanging,
      !owner.forbidsRest(id), max(kernel.lastActivity(at: now), owner.lastWork(at: now)) <= doze.began
    else { return }
    let youngest = (instances[id].readyAt ?? 0) + ruling.minimumUptime.nanosecondCount
    if now > max(doze.until, youngest) + 4 * max(settings.slowestAnswer, 500 * microsecond) + 2 * millisecond {
      violate(.wakesFrozenInTime, "it went on for a moment at \(Outcome.format(doze.began)), and still does")
    }
  }

  mutating func thaw() {
    if let id = instances.indices.last {
      instances[id].frozenSince = nil
      instances[id].timerDue = nil
    }
    if kernel.isHeld { violate(.frozenMeansFrozen, "thawed while its connections are held") }
    freezeTurn += 1
    guard let id = instances.indices.last else { return }
    instances[id].isFrozen = false
    instances[id].isToFreeze = false
    resumeDeferred()
  }

  mutating func resumeDeferred() {
    let happenings = deferred
    deferred = []
    for happening in happenings { add(happening, after: extras.spread(microsecond...100 * microsecond)) }
  }

  // MARK: its connections

  mutating func holdConnections(_ query: Query) {
    if !isHealed, extras.chance(settings.failsFreezePercent) {
      outcome.counts.failedFreezes += 1
      return add(.answer(.holdFailed(query)), after: answerDelay())
    }
    kernel.isHeld = true
    var wakeAt: Instant?
    if serviceTimersLeft > 0, extras.chance(40) {
      serviceTimersLeft -= 1
      wakeAt = Instant(nanoseconds: now + extras.spread(millisecond...2 * (idleTimeout ?? second)))
      if let id = instances.indices.last { instances[id].timerDue = wakeAt?.nanoseconds }
    }
    add(.answer(.connectionsHeld(query, wakeAt: wakeAt)), after: answerDelay())
    scheduleHeldReadable()
  }

  /// Level-triggered, as with the listeners.
  mutating func scheduleHeldReadable() {
    guard kernel.hasReadableHeld, fault != .sleepsThroughData else { return }
    add(.heldReadable, after: extras.spread(microsecond...100 * microsecond))
  }

  mutating func heldReadable() {
    guard kernel.hasReadableHeld else { return }
    outcome.counts.wakesByData += 1
    feed(arrival(.dataArrived, isOnlyIgnored: kernel.isOnlyIgnoredReadable))
  }
}
