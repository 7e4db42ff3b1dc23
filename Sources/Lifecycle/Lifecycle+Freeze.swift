// Running → freezing → frozen → running: sleep with connections open.
//
//  1. freeze:   no process of the service moves any more.
//  2. hold:     we have a duplicate of each of its connections, and are told what comes by one, be it here already.
//  3. look:     what it read before it was frozen it has yet to answer: then it was no rest.
//  4. frozen:   its listeners are armed, too. Whoever comes, or sends something, thaws it.
//  5. thaw:     the duplicates are closed first: while there is one, the service can't close its connection.
//
// A timer of the service's own (nginx's keepalive_timeout) would be late by the whole sleep: it is thawed when the first is
// due, for a moment. One that is due every 100 ms (redis) does the housekeeping of a service at work, and waits.

extension Lifecycle {
  /// Lets a frozen instance go on.
  static func thaw(_ instance: inout Instance) -> [Action] {
    let releasing: [Action] = instance.isHeld ? [.releaseConnections] : []
    let thawing: [Action] = instance.isFrozen ? [.thaw] : []
    instance.isHeld = false
    instance.isFrozen = false
    return releasing + thawing
  }

  mutating func beginFreeze(_ instance: Instance, lastEvidence: Instant, at now: Instant) -> [Action] {
    let query = nextQuery()
    var instance = instance
    instance.isFrozen = true
    state = .freezing(
      Freezing(
        instance: instance, step: .freezing(query), lastEvidence: lastEvidence,
        deadline: now.advanced(by: configuration.freezeTimeout)))
    return [.freeze(query)]
  }

  mutating func handle(_ event: Event, freezing: Freezing, at now: Instant) -> [Action] {
    var freezing = freezing
    switch event {
    case .frozen(let query):
      guard case .freezing(query) = freezing.step else { return [] }
      let hold = nextQuery()
      freezing.step = .holding(hold)
      freezing.instance.isHeld = true
      state = .freezing(freezing)
      return [.holdConnections(hold)]
    case .connectionsHeld(let query, let wakeAt):
      guard case .holding(query) = freezing.step else { return [] }
      let look = nextQuery()
      freezing.step = .looking(look, wakeAt: wakeAt)
      freezing.lookedAt = now
      state = .freezing(freezing)
      return [.sample(look)]
    case .sampled(let query, let sample):
      guard case .looking(query, let wakeAt) = freezing.step else {
        return sample.hasClosed || sample.isAtWork ? abandonFreeze(freezing, .restAborted(strays: 0), at: now) : []
      }
      // What accept() has taken and not yet given a file to is in no queue that could wake us.
      let isUse =
        sample.hasClosed || sample.isAtWork || !sample.queuedOnCurrent.isEmpty || sample.unreadDatagrams > 0
        || sample.lastUse.map { $0 > freezing.lastEvidence } ?? false
      return isUse ? abandonFreeze(freezing, .restAborted(strays: 0), at: now) : becomeFrozen(freezing, wakeAt, at: now)
    case .dataArrived, .ignoredCame, .startRequested:
      return abandonFreeze(freezing, .restAborted(strays: 0), at: now)
    case .freezeFailed(let query):
      guard case .freezing(query) = freezing.step else { return [] }
      return abandonFreeze(freezing, .restImpossible(retryIn: configuration.idleTimeout ?? .zero), at: now)
    case .holdFailed(let query):
      guard case .holding(query) = freezing.step else { return [] }
      return abandonFreeze(freezing, .restImpossible(retryIn: configuration.idleTimeout ?? .zero), at: now)
    case .sampleFailed(let query):
      guard case .looking(query, _) = freezing.step else { return [] }
      return abandonFreeze(freezing, .restImpossible(retryIn: configuration.idleTimeout ?? .zero), at: now)
    case .deadlineReached:
      guard freezing.deadline <= now else { return [] }
      return abandonFreeze(freezing, .restImpossible(retryIn: configuration.idleTimeout ?? .zero), at: now)
    case .mainExited(let status, let hasSuccessor):
      if isNew(freezing.instance, at: now), let follow = Self.follow(&freezing.instance, status, hasSuccessor) {
        state = .freezing(freezing)
        return follow
      }
      noteExit(status, of: &freezing.instance)
      return leave(freezing.instance, status, at: now)
    case .allProcessesGone:
      freezing.instance.isGone = true
      state = .freezing(freezing)
      return []
    case .adopted(let socket):
      note(adopted: socket, by: &freezing.instance, at: now)
      state = .freezing(freezing)
      return []
    case .listenerShutDown(let socket):
      freezing.instance.deafness = Deafness(grace: configuration.deafGrace, at: now)
      return [.listenAgain, .report(.listenerShutDown(socket: socket))]
        + abandonFreeze(freezing, .restAborted(strays: 0), at: now)
    case .stopRequested:
      return stop(freezing.instance, .quit, at: now)
    case .stopAtOnceRequested:
      return stopAtOnce(freezing.instance, at: now)
    case .restRequested, .pinned, .verifyRequested, .verificationEnded, .reconfigured, .canFreezeChanged,
      .notifiedStopping,
      .busySaid, .timeoutExtended, .watchdogExpired, .exitExcused:
      return []
    case .connectionWaiting, .spawned, .spawnFailed, .notifiedReady, .connectionClosed, .queuesRead, .nextOpened,
      .nextUnavailable, .steeringFailed, .barrierPassed, .nextClosed:
      return []
    }
  }

  mutating func abandonFreeze(_ freezing: Freezing, _ report: Report, at now: Instant) -> [Action] {
    var instance = freezing.instance
    let thawing = Self.thaw(&instance)
    instance.isRestRequested = false
    return thawing + [.recordCloses, .report(report)] + goOn(instance, at: now)
  }

  private mutating func becomeFrozen(_ freezing: Freezing, _ wakeAt: Instant?, at now: Instant) -> [Action] {
    var instance = freezing.instance
    if instance.isRestRequested {
      instance.isRestRequested = false
      return beginDrain(instance, lastEvidence: freezing.lastEvidence, at: now)
    }
    let isShort = wakeAt.map { $0 < now.advanced(by: configuration.housekeeping) } ?? false
    instance.housekeepings = isShort ? instance.housekeepings + 1 : 0
    // Nobody who counts has used it in the moments in which it went on.
    let asleepSince = instance.isAsleep(freezing.lastEvidence) ? instance.asleepSince ?? now : now
    instance.asleepSince = asleepSince
    instance.asleepLook = freezing.lookedAt
    let wakeAt = instance.housekeepings > Instance.housekeepingsMax ? nil : wakeAt
    state = .frozen(
      Frozen(
        instance: instance, since: now, lastEvidence: freezing.lastEvidence, wakeAt: wakeAt,
        stopAt: isPinned ? nil : configuration.stopAfterFrozen.map { max(now, asleepSince.advanced(by: $0)) }))
    return [.releaseMemory, .report(.frozen), .arm]
  }

  mutating func handle(_ event: Event, frozen: Frozen, at now: Instant) -> [Action] {
    var frozen = frozen
    switch event {
    case .connectionWaiting, .dataArrived, .startRequested:
      frozen.instance.asleepSince = nil
      return awaken(frozen, lastEvidence: now, lookAt: nextLook(frozen.instance, at: now), at: now)
    case .ignoredCame:
      // Their question can't be answered else. It is frozen again as soon as it has been.
      let lookAt = Self.earlier(nextLook(frozen.instance, at: now), now.advanced(by: configuration.ignoredGrace))
      return awaken(frozen, lastEvidence: frozen.lastEvidence, lookAt: lookAt, at: now)
    case .deadlineReached:
      if Self.isDue(frozen.instance.runtimeEndsAt, at: now) {
        return [.disarm] + endRuntime(frozen.instance, at: now)
      }
      if Self.isDue(frozen.stopAt, at: now) {
        return [.disarm] + beginDrain(frozen.instance, lastEvidence: frozen.lastEvidence, at: now)
      }
      guard Self.isDue(frozen.wakeAt, at: now) else { return [] }
      let slice = min(configuration.thawSlice, configuration.lookInterval ?? configuration.thawSlice)
      // No use of it by anybody: it is frozen again as soon as it has done what was due.
      return awaken(
        frozen, lastEvidence: frozen.lastEvidence, lookAt: now.advanced(by: slice), at: now)
    case .mainExited(let status, let hasSuccessor):
      if isNew(frozen.instance, at: now), let follow = Self.follow(&frozen.instance, status, hasSuccessor) {
        state = .frozen(frozen)
        return follow
      }
      noteExit(status, of: &frozen.instance)
      return [.disarm] + leave(frozen.instance, status, at: now)
    case .allProcessesGone:
      frozen.instance.isGone = true
      state = .frozen(frozen)
      return []
    case .listenerShutDown(let socket):
      frozen.instance.deafness = Deafness(grace: configuration.deafGrace, at: now)
      state = .frozen(frozen)
      return [.listenAgain, .report(.listenerShutDown(socket: socket))]
    case .stopRequested:
      return stop(frozen.instance, .quit, at: now)
    case .stopAtOnceRequested:
      return stopAtOnce(frozen.instance, at: now)
    case .restRequested, .pinned, .verifyRequested, .verificationEnded, .reconfigured, .canFreezeChanged,
      .notifiedStopping,
      .busySaid, .timeoutExtended, .watchdogExpired, .exitExcused:
      return []
    case .spawned, .spawnFailed, .adopted, .notifiedReady, .connectionClosed, .queuesRead, .sampled, .sampleFailed,
      .nextOpened, .nextUnavailable, .steeringFailed, .barrierPassed, .nextClosed, .frozen, .freezeFailed,
      .connectionsHeld, .holdFailed:
      return []
    }
  }

  private mutating func awaken(
    _ frozen: Frozen, lastEvidence: Instant, lookAt: Instant?, at now: Instant
  ) -> [Action] {
    var instance = frozen.instance
    instance.frozenFor += now.since(frozen.since)
    let thawing = Self.thaw(&instance)
    state = .running(Running(instance: instance, lastEvidence: lastEvidence, lookAt: lookAt))
    return [.disarm] + thawing + [.recordCloses, .report(.thawed(after: now.since(frozen.since)))]
  }
}
