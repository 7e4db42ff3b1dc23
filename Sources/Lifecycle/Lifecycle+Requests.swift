// What its owner asks for, and what the service says of itself, in whatever state.

extension Lifecycle {
  /// nil: nothing of that sort.
  mutating func handleRequest(_ event: Event, at now: Instant) -> [Action]? {
    switch event {
    case .restRequested: return requestRest(at: now)
    case .pinned(let isPinned):
      guard isPinned != self.isPinned else { return [] }
      self.isPinned = isPinned
      return isPinned ? keepAwake(at: now) : letRest(at: now)
    case .busySaid(let isBusy):
      guard let instance, instance.saysBusy != isBusy else { return [] }
      change { $0.saysBusy = isBusy }
      return isBusy ? keepAwake(at: now) : letRest(at: now)
    case .verifyRequested: return requestVerification(at: now)
    case .verificationEnded: return endVerification(at: now)
    case .reconfigured(let configuration):
      // The sockets are its shell's, which makes another one of these for others.
      if configuration.sockets == self.configuration.sockets { nextConfiguration = configuration }
      return []
    case .canFreezeChanged(let canFreeze):
      nextConfiguration = nextConfiguration ?? configuration
      nextConfiguration?.canFreeze = canFreeze
      return []
    case .notifiedStopping: return noteStopping(at: now)
    case .timeoutExtended(let time): return extendTimeout(by: time, at: now)
    case .watchdogExpired: return expireWatchdog(at: now)
    case .exitExcused(let status):
      change { $0.excusedExit = status }
      return []
    case .startRequested, .connectionWaiting, .spawned, .spawnFailed, .adopted, .notifiedReady, .mainExited,
      .allProcessesGone, .connectionClosed, .listenerShutDown, .queuesRead, .sampled, .sampleFailed, .nextOpened,
      .nextUnavailable, .steeringFailed, .barrierPassed, .nextClosed, .frozen, .freezeFailed, .connectionsHeld,
      .holdFailed, .dataArrived, .ignoredCame, .stopRequested, .stopAtOnceRequested, .deadlineReached:
      return nil
    }
  }

  /// Whether its being idle for long enough is a reason to put it to rest.
  func mayRest(_ instance: Instance) -> Bool {
    configuration.idleTimeout != nil && !isPinned && !instance.saysBusy && !instance.isVerification
  }

  mutating func change(_ body: (inout Instance) -> Void) {
    switch state {
    case .dormant, .backingOff, .ended: break
    case .starting(var starting):
      body(&starting.instance)
      state = .starting(starting)
    case .running(var running):
      body(&running.instance)
      state = .running(running)
    case .draining(var draining):
      body(&draining.instance)
      state = .draining(draining)
    case .returning(var returning):
      body(&returning.instance)
      state = .returning(returning)
    case .freezing(var freezing):
      body(&freezing.instance)
      state = .freezing(freezing)
    case .frozen(var frozen):
      body(&frozen.instance)
      state = .frozen(frozen)
    case .stopping(var stopping):
      body(&stopping.instance)
      state = .stopping(stopping)
    }
  }

  // MARK: reasons not to rest

  private mutating func keepAwake(at now: Instant) -> [Action] {
    switch state {
    case .dormant, .starting, .returning, .stopping, .backingOff, .ended: return []
    case .running(var running):
      // No look could lead to anything.
      running.lookAt = nextLook(running.instance, at: now)
      let isAborted = running.restLook != nil
      running.restLook = nil
      state = .running(running)
      return isAborted ? [.report(.restAborted(strays: 0))] : []
    case .draining(let draining): return interrupt(draining, at: now)
    case .freezing(let freezing):
      return abandonFreeze(freezing, .restAborted(strays: 0), at: now)
    case .frozen(var frozen):
      frozen.stopAt = nil
      state = .frozen(frozen)
      return []
    }
  }

  private mutating func letRest(at now: Instant) -> [Action] {
    switch state {
    case .dormant, .starting, .draining, .returning, .freezing, .stopping, .backingOff, .ended: break
    case .running(var running):
      running.lastEvidence = now
      running.lookAt = nextLook(running.instance, at: now)
      state = .running(running)
    case .frozen(var frozen):
      frozen.instance.asleepSince = now
      frozen.stopAt = isPinned ? nil : configuration.stopAfterFrozen.map(now.advanced(by:))
      state = .frozen(frozen)
    }
    return []
  }

  // MARK: a rest that is asked for

  private mutating func requestRest(at now: Instant) -> [Action] {
    switch state {
    case .draining, .returning, .ended: return []
    // A start that was asked for before is not to be.
    case .dormant:
      startAt = nil
      return []
    case .stopping(var stopping):
      stopping.isStartRequested = false
      state = .stopping(stopping)
      return []
    case .starting, .freezing:
      change { $0.isRestRequested = true }
      return []
    case .running(let running):
      return lookForRest(running, at: now)
    case .frozen(let frozen):
      if isPinned { return [.report(.restAborted(strays: 0))] }
      return [.disarm] + beginDrain(frozen.instance, lastEvidence: frozen.lastEvidence, at: now)
    case .backingOff(var backingOff):
      backingOff.restarts = false
      backingOff.isRestRequested = true
      state = .backingOff(backingOff)
      // Whoever waits waits for the next try, and nobody is no reason for one.
      return backingOff.query == nil ? lookWhoWaits(backingOff) : []
    }
  }

  /// What has closed since the last look is over, and no reason not to rest now: what is closed after this look is.
  mutating func lookForRest(_ running: Running, at now: Instant) -> [Action] {
    var running = running
    running.instance.isRestRequested = false
    guard !isPinned, !running.instance.saysBusy, !running.instance.isVerification else {
      state = .running(running)
      return [.report(.restAborted(strays: 0))]
    }
    let query = nextQuery()
    running.restLook = Running.RestLook(query: query, askedAt: now)
    state = .running(running)
    return [.sample(query)]
  }

  mutating func judgeForRest(_ sample: Sample, _ look: Running.RestLook, _ running: Running, at now: Instant)
    -> [Action]
  {
    var running = running
    running.restLook = nil
    running.instance.hasAccepted = running.instance.hasAccepted || sample.showsService
    let isAnswering = running.instance.lastReceived.map { $0.advanced(by: configuration.answerGrace) > now } ?? false
    // Of those that are silent just now one may wait for an answer that takes its time.
    let isSilent =
      if configuration.allowsSilence, let timeout = configuration.idleTimeout, let lastUse = sample.lastUse {
        // What had been sent before it was ready may have been taken only then.
        max(lastUse, running.instance.readyAt ?? lastUse).advanced(by: timeout) <= look.askedAt
      } else { false }
    let isInUse =
      sample.accepted > 0 && !isSilent || !sample.queuedOnCurrent.isEmpty
      || sample.unreadDatagrams > 0 || sample.isAtWork || isAnswering
      // Another look has shown that meanwhile, be it an earlier one that was answered later.
      || running.lastEvidence > look.askedAt
    if isInUse { return abortRequestedRest(running, at: now) }
    state = .running(running)
    return beginRest(running, lastEvidence: look.askedAt, at: now)
  }

  mutating func abortRequestedRest(_ running: Running, at now: Instant) -> [Action] {
    resume(running.instance, at: now)
    return [.recordCloses, .report(.restAborted(strays: 0))]
  }

  // MARK: verification

  private mutating func requestVerification(at now: Instant) -> [Action] {
    switch state {
    case .dormant, .backingOff: return wake(at: now, isWanted: false, isVerification: true)
    case .starting, .running, .draining, .returning, .freezing, .frozen, .stopping, .ended: return []
    }
  }

  private mutating func endVerification(at now: Instant) -> [Action] {
    guard let instance, instance.isVerification else { return [] }
    change { $0.isVerification = false }
    switch state {
    case .starting:
      change { $0.isRestRequested = true }
      return []
    case .running:
      _ = letRest(at: now)
      guard case .running(let running) = state, !isPinned, !running.instance.saysBusy else { return [] }
      let actions = lookForRest(running, at: now)
      let look = Query(number: lastQuery)
      change { $0.ownStartLook = look }
      return actions
    case .dormant, .draining, .returning, .freezing, .frozen, .stopping, .backingOff, .ended:
      return []
    }
  }

  // MARK: configuration

  /// The steps of a rest rely on one another: all of them have one configuration.
  mutating func takeUpConfiguration(at now: Instant) {
    guard let next = nextConfiguration else { return }
    switch state {
    case .draining, .returning, .freezing: return
    case .dormant, .stopping, .backingOff, .ended:
      configuration = next
    case .starting(var starting):
      let hasChangedReadiness = configuration.readiness != next.readiness
      // One that stays the same stays as it was extended.
      let hasChangedTimeout = configuration.startTimeout != next.startTimeout
      configuration = next
      if hasChangedTimeout, starting.lastLook == nil {
        starting.deadline = next.startTimeout.map { max(now, starting.instance.wokenAt.advanced(by: $0)) }
      }
      if hasChangedReadiness {
        starting.lookAt = next.readiness == .automatic ? now.advanced(by: .milliseconds(1)) : nil
      }
      state = .starting(starting)
    case .running(var running):
      limitRuntime(&running.instance, next.runtimeMax, at: now)
      configuration = next
      running.lookAt = nextLook(running.instance, at: now)
      state = .running(running)
    case .frozen(var frozen):
      limitRuntime(&frozen.instance, next.runtimeMax, at: now)
      configuration = next
      let since = frozen.instance.asleepSince ?? frozen.since
      frozen.stopAt = isPinned ? nil : next.stopAfterFrozen.map { max(now, since.advanced(by: $0)) }
      state = .frozen(frozen)
    }
    nextConfiguration = nil
  }

  /// One that stays the same stays as it was extended.
  private func limitRuntime(_ instance: inout Instance, _ limit: Duration?, at now: Instant) {
    guard limit != configuration.runtimeMax else { return }
    instance.runtimeEndsAt = limit.map { max(now, (instance.readyAt ?? now).advanced(by: $0)) }
  }

  // MARK: the service's word

  /// A day: what says longer than that at once says it for ever.
  private static var longestExtension: Duration { .seconds(86_400) }

  private mutating func extendTimeout(by time: Duration, at now: Instant) -> [Action] {
    let end = now.advanced(by: min(time, Self.longestExtension))
    switch state {
    case .starting(var starting):
      starting.deadline = starting.deadline.map { max($0, end) }
      state = .starting(starting)
    case .stopping(var stopping):
      guard !stopping.isKilled, stopping.instance.mainExit == nil, let killAt = stopping.killAt, killAt < end else {
        return []
      }
      stopping.limit = stopping.limit.map { $0 + end.since(killAt) }
      stopping.killAt = end
      state = .stopping(stopping)
    case .running, .draining, .returning, .freezing, .frozen:
      change { $0.runtimeEndsAt = $0.runtimeEndsAt.map { max($0, end) } }
    case .dormant, .backingOff, .ended: break
    }
    return []
  }

  /// As if it had been told to: it has as long for it, and whoever comes meanwhile is served by the next.
  private mutating func noteStopping(at now: Instant) -> [Action] {
    guard let instance, !instance.saysStopping else { return [] }
    change { $0.saysStopping = true }
    switch state {
    case .starting(let starting): return awaitEnd(of: starting.instance, .left, at: now)
    case .running(let running): return awaitEnd(of: running.instance, .left, at: now)
    case .frozen(let frozen): return [.disarm] + awaitEnd(of: frozen.instance, .left, at: now)
    case .freezing(let freezing): return abandonFreeze(freezing, .restAborted(strays: 0), at: now)
    // Connections may wait on both sockets: its end, or that of the return, brings them together.
    case .draining, .returning: return []
    case .dormant, .stopping, .backingOff, .ended: return []
    }
  }

  private mutating func expireWatchdog(at now: Instant) -> [Action] {
    guard let instance, !instance.isAborted else { return [] }
    change { $0.isAborted = true }
    switch state {
    case .starting(let starting): return awaitEnd(of: starting.instance, .failure(.watchdog), at: now)
    case .running(let running): return awaitEnd(of: running.instance, .failure(.watchdog), at: now)
    case .frozen(let frozen): return [.disarm] + awaitEnd(of: frozen.instance, .failure(.watchdog), at: now)
    case .draining(let draining):
      return draining.isCommitted ? [] : giveUpRest(draining.instance, at: now)
    case .freezing(let freezing):
      return abandonFreeze(freezing, .restAborted(strays: 0), at: now)
    case .dormant, .returning, .stopping, .backingOff, .ended: return []
    }
  }

  /// It ends without our having told it to.
  mutating func awaitEnd(of instance: Instance, _ purpose: Stopping.Purpose, at now: Instant) -> [Action] {
    var instance = instance
    if instance.mainExit != nil { return clearAway(instance, purpose, at: now) }
    let thawing = Self.thaw(&instance)
    let limit = purpose == .failure(.watchdog) ? configuration.abortTimeout : configuration.stopTimeout
    state = .stopping(
      Stopping(instance: instance, purpose: purpose, killAt: limit.map(now.advanced(by:)), limit: limit))
    return thawing
  }
}
