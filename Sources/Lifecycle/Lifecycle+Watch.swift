// Running: is it in use, and since when not?

extension Lifecycle {
  mutating func handle(_ event: Event, running: Running, at now: Instant) -> [Action] {
    var running = running
    switch event {
    case .deadlineReached:
      if Self.isDue(running.instance.runtimeEndsAt, at: now) { return endRuntime(running.instance, at: now) }
      if Self.isDue(running.instance.relayUnboundAt, at: now) {
        let actions = relayUnbound(&running.instance)
        state = .running(running)
        return actions
      }
      if Self.isDue(running.instance.abandonAt, at: now) { return abandonUnbound(running) }
      guard Self.isDue(running.lookAt, at: now) else { return [] }
      running.lookAt = nextLook(running.instance, at: now)
      // One at a time. What has closed is told by one of two that overtake each other, and of looks that take longer than the time
      // between them none would ever be the last.
      guard running.query == nil else {
        state = .running(running)
        return []
      }
      let query = nextQuery()
      running.query = query
      running.askedAt = now
      state = .running(running)
      return [.sample(query)]
    case .sampled(let query, let sample):
      if query == running.query { return judge(sample, running, at: now) }
      if let look = running.restLook, look.query == query { return judgeForRest(sample, look, running, at: now) }
      running.instance.note(query, sample)
      state = .running(running)
      // The answer to a question that is no longer open. What has closed is told once, so it counts whoever hears it.
      if sample.hasClosed { return handle(.connectionClosed, running: running, at: now) }
      // Who waited at the start has been served, as far as can be known.
      let isStart = query == running.instance.startQuery
      let isUse = sample.isAtWork || !isStart && !sample.isQuiet(allowingSilence: configuration.allowsSilence)
      return isUse ? noteUse(running, at: now) : []
    case .sampleFailed(let query):
      running.instance.isWokenByIgnored = false
      if query == running.restLook?.query {
        running.restLook = nil
        return abortRequestedRest(running, at: now)
      }
      // What can't be seen is busy.
      if query == running.query {
        running.query = nil
        running.lastEvidence = now
      }
      state = .running(running)
      return []
    case .connectionClosed:
      running.instance.hasAccepted = true
      running.instance.isWokenByIgnored = false
      return noteUse(running, at: now)
    case .adopted(let socket):
      note(adopted: socket, by: &running.instance, at: now)
      state = .running(running)
      return []
    case .listenerShutDown(let socket):
      running.instance.deafness = Deafness(grace: configuration.deafGrace, at: now)
      running.isQuiet = false
      running.lookAt = nextLook(running.instance, at: now)
      state = .running(running)
      return [.listenAgain, .report(.listenerShutDown(socket: socket)), .recordCloses]
    case .mainExited(let status, let hasSuccessor):
      // Later than that it isn't going to the background: it has left, and what it leaves behind is no service.
      if isNew(running.instance, at: now), let follow = Self.follow(&running.instance, status, hasSuccessor) {
        state = .running(running)
        return follow
      }
      noteExit(status, of: &running.instance)
      return leave(running.instance, status, at: now)
    case .allProcessesGone:
      running.instance.isGone = true
      state = .running(running)
      return []
    case .stopRequested:
      return stop(running.instance, .quit, at: now)
    case .stopAtOnceRequested:
      return stopAtOnce(running.instance, at: now)
    case .restRequested, .pinned, .verifyRequested, .verificationEnded, .reconfigured, .canFreezeChanged,
      .notifiedStopping,
      .busySaid, .timeoutExtended, .watchdogExpired, .exitExcused:
      return []
    case .startRequested, .connectionWaiting, .spawned, .spawnFailed, .notifiedReady, .queuesRead, .nextOpened,
      .nextUnavailable, .steeringFailed, .barrierPassed, .nextClosed, .frozen, .freezeFailed, .connectionsHeld,
      .holdFailed, .dataArrived, .ignoredCame:
      return []
    }
  }

  /// It has not run for long, so that an end of its main process may be a step to the background.
  func isNew(_ instance: Instance, at now: Instant) -> Bool {
    // One that has done nothing yet but live may still be on its way to the background, for as long as a start may take.
    if instance.isPresumed, instance.adopted.isEmpty, !instance.hasAccepted,
      configuration.startTimeout.map({ now.since(instance.wokenAt) < $0 }) ?? true
    {
      return true
    }
    return instance.readyAt.map { now.since($0) - instance.frozenFor < configuration.healthyAfter } ?? true
  }

  private mutating func noteUse(_ running: Running, at now: Instant) -> [Action] {
    var running = running
    running.lastEvidence = now
    let wasQuiet = running.isQuiet
    running.isQuiet = false
    if wasQuiet { running.lookAt = nextLook(running.instance, at: now) }
    state = .running(running)
    // One such event in a look's interval is enough: the rest is kept for the next look, at no wakeup of ours.
    return wasQuiet ? [.recordCloses] : []
  }

  private mutating func judge(_ sample: Sample, _ running: Running, at now: Instant) -> [Action] {
    var running = running
    running.query = nil
    switch running.instance.deafness?.judge(
      sample, askedAt: running.askedAt ?? now, at: now, isAlone: held.count == 1)
    {
    // It makes room for one that accepts. It is told to end with its own socket in front of it, unsteered: a drain would wait
    // for it to empty its queue, which it doesn't do any more.
    case .isDeaf: return stop(running.instance, .left, at: now)
    case .hears: running.instance.deafness = nil
    case .unknown, nil: break
    }
    running.instance.hasAccepted = running.instance.hasAccepted || sample.showsService
    if let lastUse = sample.lastUse {
      // The kernel's clock for these is another one, which may be set: never later than now.
      running.lastEvidence = max(running.lastEvidence, min(lastUse, now))
    }
    let isQuiet = sample.isQuiet(allowingSilence: configuration.allowsSilence)
    // Something was in use at some moment since the last look: counted as now, which can only be later than it was.
    if !isQuiet { running.lastEvidence = now }
    guard let timeout = configuration.idleTimeout, mayRest(running.instance) else {
      running.lookAt = nextLook(running.instance, at: now)
      state = .running(running)
      return []
    }
    guard isQuiet else {
      running.lookAt = nextLook(running.instance, at: now)
      let wasQuiet = running.isQuiet
      running.isQuiet = false
      state = .running(running)
      return wasQuiet ? [.recordCloses] : []
    }
    let youngest = (running.instance.readyAt ?? running.instance.wokenAt).advanced(by: configuration.minimumUptime)
    // Woken by nobody who counts, it has no idle time: that is for those who may come back.
    let restAt = max(youngest, idleEnd(running, timeout))
    if restAt <= now { return beginRest(running, lastEvidence: running.lastEvidence, at: now) }
    if configuration.looksRegularly {
      running.lookAt = Self.earlier(restAt, nextLook(running.instance, at: now))
      let wasQuiet = running.isQuiet
      running.isQuiet = false
      state = .running(running)
      return wasQuiet ? [.recordCloses] : []
    }
    // Nothing is open, and a close will be announced: until then, or until the timeout, no look can tell anything.
    running.lookAt = Self.earlier(
      restAt, running.instance.deafness.map { now.advanced(by: $0.lookInterval) })
    running.isQuiet = running.instance.deafness == nil
    state = .running(running)
    return running.isQuiet ? [.watchCloses] : []
  }

  /// When it has been idle for long enough, if nothing more happens.
  func idleEnd(_ running: Running, _ timeout: Duration) -> Instant {
    // It goes on for a moment only: nobody has used it since it was frozen.
    if running.instance.isAsleep(running.lastEvidence), let since = running.instance.asleepSince { return since }
    let end = running.lastEvidence.advanced(by: timeout)
    guard running.instance.isWokenByIgnored, let readyAt = running.instance.readyAt else { return end }
    return min(end, readyAt.advanced(by: configuration.ignoredGrace))
  }

  func nextLook(_ instance: Instance, at now: Instant) -> Instant? {
    // All services with the same timeout are looked at in the same moment, which costs one dump of the kernel's sockets.
    let shared = Self.earlier(
      mayRest(instance) ? configuration.lookInterval.map(now.next(multipleOf:)) : nil,
      instance.deafness.map { now.advanced(by: $0.lookInterval) })
    guard instance.isWokenByIgnored, mayRest(instance), let readyAt = instance.readyAt else { return shared }
    // It has no idle time to be looked at 16 times in. It may be at work, so ever less often.
    let first = readyAt.advanced(by: max(configuration.ignoredGrace, configuration.minimumUptime))
    let next = first > now ? first : now.advanced(by: max(configuration.ignoredGrace, now.since(readyAt)))
    return Self.earlier(shared, next)
  }

  private mutating func abandonUnbound(_ running: Running) -> [Action] {
    var running = running
    let unbound = held.subtracting(running.instance.adopted)
    running.instance.abandonAt = nil
    abandoned.formUnion(unbound)
    state = .running(running)
    return unbound.isEmpty ? [] : [.abandon(sockets: unbound), .report(.neverBound(sockets: unbound))]
  }
}
