// Ending an instance, for whatever reason, and what comes then. Every way ends in SIGKILL, so every way ends.

extension Lifecycle {
  /// SIGTERM, and SIGKILL after the stop timeout.
  mutating func stop(_ instance: Instance, _ purpose: Stopping.Purpose, at now: Instant) -> [Action] {
    var instance = instance
    // The signal first: what runs again has it before anything else.
    let thawing = Self.thaw(&instance)
    let stopping = Stopping(
      instance: instance, purpose: purpose, killAt: configuration.stopTimeout.map(now.advanced(by:)),
      limit: configuration.stopTimeout)
    // It died during a drain, so that nothing is left to be told, and no event would come.
    if instance.isOver { return thawing + settle(stopping, at: now) }
    state = .stopping(stopping)
    let begins = purpose == .quit ? [Action.disarm, .report(.stopping)] : []
    // A main process that has ended already leaves only its children to be told.
    return begins + [instance.mainExit == nil ? .terminateMain : .terminateAll] + thawing
  }

  /// It has run for as long as it may, whoever uses it. Who waits is served by the next.
  mutating func endRuntime(_ instance: Instance, at now: Instant) -> [Action] {
    stop(instance, .failure(.ranTooLong(after: now.since(instance.readyAt ?? instance.wokenAt))), at: now)
  }

  mutating func abort(_ instance: Instance, _ purpose: Stopping.Purpose, at now: Instant) -> [Action] {
    var instance = instance
    instance.isAborted = true
    state = .stopping(
      Stopping(
        instance: instance, purpose: purpose, killAt: configuration.abortTimeout.map(now.advanced(by:)),
        limit: configuration.abortTimeout))
    return [.abortMain]
  }

  mutating func kill(_ instance: Instance, _ purpose: Stopping.Purpose, at now: Instant) -> [Action] {
    var instance = instance
    // Of one that is killed while it is frozen: its connections end with it.
    let releasing: [Action] = instance.isHeld ? [.releaseConnections] : []
    instance.isHeld = false
    state = .stopping(
      Stopping(instance: instance, purpose: purpose, killAt: now.advanced(by: .seconds(1)), isKilled: true))
    return releasing + [.killAll]
  }

  mutating func stopAtOnce(_ instance: Instance, at now: Instant) -> [Action] {
    var instance = instance
    let thawing = Self.thaw(&instance)
    let stopping = Stopping(
      instance: instance, purpose: .quit, killAt: now.advanced(by: .seconds(1)), isKilled: true)
    if instance.isOver { return thawing + settle(stopping, at: now) }
    state = .stopping(stopping)
    return [.disarm, .killAll] + thawing
  }

  /// The main process has ended without having been told to.
  mutating func leave(_ instance: Instance, _ status: ExitStatus, at now: Instant) -> [Action] {
    if instance.isAborted { return clearAway(instance, .failure(.watchdog), at: now) }
    return clearAway(instance, status.isSuccess ? .left : .failure(.died(status)), at: now)
  }

  /// What a main process leaves behind is nobody's where only that one is ours.
  func noteExit(_ status: ExitStatus, of instance: inout Instance) {
    instance.mainExit = status
    if configuration.killMode == .process { instance.isGone = true }
  }

  /// Ends what an instance whose main process is gone has left running.
  mutating func clearAway(_ instance: Instance, _ purpose: Stopping.Purpose, at now: Instant) -> [Action] {
    var instance = instance
    let thawing = Self.thaw(&instance)
    var stopping = Stopping(
      instance: instance, purpose: purpose, killAt: now.advanced(by: configuration.leftoverTimeout),
      limit: configuration.leftoverTimeout)
    if instance.isGone { return thawing + settle(stopping, at: now) }
    return (configuration.killMode == .mixed ? killLeftovers(&stopping, at: now) : tellLeftovers(&stopping)) + thawing
  }

  private mutating func tellLeftovers(_ stopping: inout Stopping) -> [Action] {
    state = .stopping(stopping)
    return [.terminateAll]
  }

  private mutating func killLeftovers(_ stopping: inout Stopping, at now: Instant) -> [Action] {
    stopping.isKilled = true
    stopping.killAt = now.advanced(by: .seconds(1))
    state = .stopping(stopping)
    return [.killAll]
  }

  mutating func handle(_ event: Event, stopping: Stopping, at now: Instant) -> [Action] {
    var stopping = stopping
    switch event {
    case .mainExited(let status, _):
      noteExit(status, of: &stopping.instance)
      // It has said that it would leave, and has failed at that.
      if stopping.purpose == .left, stopping.instance.saysStopping, !status.isSuccess {
        stopping.purpose = .failure(.died(status))
      }
      if stopping.instance.isGone { return settle(stopping, at: now) }
      if configuration.killMode == .mixed { return killLeftovers(&stopping, at: now) }
      // What outlives the main process gets its own SIGTERM and less time: clients may already wait for the next instance.
      let limit = now.advanced(by: configuration.leftoverTimeout)
      if stopping.killAt.map({ $0 > limit }) ?? true {
        stopping.killAt = limit
        stopping.limit = configuration.leftoverTimeout
      }
      return tellLeftovers(&stopping)
    case .allProcessesGone:
      stopping.instance.isGone = true
      if stopping.instance.mainExit != nil { return settle(stopping, at: now) }
      state = .stopping(stopping)
      return []
    case .deadlineReached:
      guard Self.isDue(stopping.killAt, at: now) else { return [] }
      let isFirst = !stopping.isKilled
      if isFirst, configuration.stopTimeoutMode == .abort, stopping.instance.mainExit == nil,
        !stopping.instance.isAborted
      {
        // Once, and then as any other. Without a limit it may dump its core for as long as that takes.
        stopping.instance.isAborted = true
        stopping.killAt = configuration.abortTimeout.map(now.advanced(by:))
        stopping.limit = stopping.limit.flatMap { limit in configuration.abortTimeout.map { limit + $0 } }
        state = .stopping(stopping)
        return [.abortMain]
      }
      stopping.isKilled = true
      // Without a cgroup a process can fork faster than it is found: again every second until none is left.
      stopping.killAt = now.advanced(by: .seconds(1))
      state = .stopping(stopping)
      guard isFirst else { return [.killAll] }
      let isMain = stopping.instance.mainExit == nil
      return [.killAll, .report(isMain ? .stopTimedOut(after: stopping.limit ?? .zero) : .leftoversKilled)]
    case .stopRequested:
      stopping.purpose = .quit
      guard stopping.query == nil else { return end() }
      state = .stopping(stopping)
      return [.disarm, .report(.stopping)]
    case .stopAtOnceRequested:
      guard stopping.query == nil else { return end() }
      return stopAtOnce(stopping.instance, at: now)
    case .sampled(let query, let sample):
      if query == stopping.query { return [.forgetCloses] + conclude(stopping, sample, at: now) }
      // The first look may have been taken after the last was asked for: then it doesn't tell who waited at the start.
      if stopping.query == nil { stopping.instance.note(query, sample) }
      let isProof = sample.showsService && !stopping.instance.isYounger(than: query)
      stopping.instance.hasAccepted = stopping.instance.hasAccepted || isProof
      state = .stopping(stopping)
      return []
    case .sampleFailed(let query):
      return query == stopping.query ? [.forgetCloses] + conclude(stopping, nil, at: now) : []
    case .startRequested:
      stopping.isStartRequested = true
      state = .stopping(stopping)
      return []
    case .restRequested, .pinned, .verifyRequested, .verificationEnded, .reconfigured, .canFreezeChanged,
      .notifiedStopping,
      .busySaid, .timeoutExtended, .watchdogExpired, .exitExcused:
      return []
    case .connectionWaiting, .spawned, .spawnFailed, .adopted, .notifiedReady, .connectionClosed,
      .listenerShutDown, .queuesRead, .nextOpened, .nextUnavailable, .steeringFailed, .barrierPassed, .nextClosed,
      .frozen, .freezeFailed, .connectionsHeld, .holdFailed, .dataArrived, .ignoredCame:
      return []
    }
  }

  /// No process is left.
  mutating func settle(_ stopping: Stopping, at now: Instant) -> [Action] {
    var stopping = stopping
    switch stopping.purpose {
    case .rest:
      endRow()
      let rested = Action.report(.rested(awake: now.since(stopping.instance.wokenAt)))
      // One that can't be steered is the same as before, and the service may have shut it down when it was told to end.
      let listening: [Action] = configuration.steerable.isSuperset(of: held) ? [] : [.listenAgain]
      let next = holdBack(stopping, at: now) ?? becomeDormant(after: stopping, at: now)
      // Armed last: armed before the swap, the old socket would wake us, or the new one not.
      return [.swap, .forgetCloses, rested] + listening + next
    case .quit:
      return end()
    case .failure, .left:
      let query = nextQuery()
      stopping.query = query
      stopping.killAt = nil
      state = .stopping(stopping)
      return [.listenAgain, .sample(query)]
    }
  }

  /// Whoever still waits decides whether an end without an error was one.
  private mutating func conclude(_ stopping: Stopping, _ last: Sample?, at now: Instant) -> [Action] {
    let failure: Failure
    switch stopping.purpose {
    case .rest, .quit:
      return []
    case .failure(let reason):
      failure = reason
    // Started to be checked, it has shown that it doesn't start.
    case .left where stopping.instance.isVerification && stopping.instance.readyAt == nil:
      failure = .diedStarting(stopping.instance.mainExit ?? .unknown)
    case .left where stopping.instance.hasIgnored(last):
      let status = stopping.instance.mainExit ?? .unknown
      failure = stopping.instance.readyAt == nil ? .diedStarting(status) : .leftClientsWaiting(status)
    case .left:
      return concludeWell(stopping, last, at: now)
    }
    return retry(stopping, failure, waiting: last?.queuedOnCurrent.count ?? 0, at: now)
  }
}
