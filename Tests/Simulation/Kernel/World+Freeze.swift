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
    if let limit = settings.configuration.stopAfterFrozen?.nanosecondCount, !owner.isPinned,
      now > max(since, owner.pinChangedAt) + limit + millisecond
    {
      violate(.wakesFrozenInTime, "frozen since \(Outcome.format(since))")
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
    feed(.dataArrived)
  }
}
