// Dormant → starting → running, and the wait between failed starts.

extension Lifecycle {
  mutating func handleDormant(_ event: Event, at now: Instant) -> [Action] {
    switch event {
    case .connectionWaiting: return wake(at: now, isWanted: true)
    case .startRequested: return wake(at: now, isWanted: false)
    case .deadlineReached: return Self.isDue(startAt, at: now) ? wake(at: now, isWanted: false) : []
    case .stopRequested, .stopAtOnceRequested: return end()
    case .listenerShutDown: return [.listenAgain]
    case .restRequested, .pinned, .verifyRequested, .verificationEnded, .reconfigured, .canFreezeChanged,
      .notifiedStopping,
      .busySaid, .timeoutExtended, .watchdogExpired, .exitExcused:
      return []
    case .spawned, .spawnFailed, .adopted, .notifiedReady, .mainExited, .allProcessesGone, .connectionClosed,
      .queuesRead,
      .sampled, .sampleFailed, .nextOpened, .nextUnavailable, .steeringFailed, .barrierPassed, .nextClosed,
      .frozen, .freezeFailed, .connectionsHeld, .holdFailed, .dataArrived, .ignoredCame:
      return []
    }
  }

  /// `isWanted`: somebody waits, so that an emptied queue means that the service has taken them.
  mutating func wake(
    at now: Instant, isWanted: Bool, isSeen: Bool = true, isVerification: Bool = false
  ) -> [Action] {
    let looks = configuration.readiness == .automatic
    startAt = nil
    var instance = Instance(wokenAt: now, startQuery: nextQuery(), isWanted: isWanted)
    instance.isVerification = isVerification
    state = .starting(
      Starting(
        instance: instance, deadline: configuration.startTimeout.map(now.advanced(by:)),
        lookAt: looks ? now.advanced(by: .milliseconds(1)) : nil, lookInterval: .milliseconds(1),
        hasSeenQueue: isWanted && isSeen
      ))
    // Closes are recorded before the service can have closed anything that counts: idle time starts at readiness.
    // They also prove that a service that leaves at once had taken somebody.
    return [.disarm, .report(.waking), .spawn, .recordCloses]
  }

  mutating func handle(_ event: Event, starting: Starting, at now: Instant) -> [Action] {
    var starting = starting
    switch event {
    case .spawned:
      if !configuration.startsInBackground { starting.begunAt = now }
      state = .starting(starting)
      return [.sample(starting.instance.startQuery)]
    case .spawnFailed:
      starting.instance.isGone = true
      starting.instance.mainExit = .unknown
      return settle(Stopping(instance: starting.instance, purpose: .failure(.cannotStart)), at: now)
    case .sampled(let query, let sample):
      if query == starting.lastLook {
        // Emptied since the last look at the queues, by somebody whose visit isn't told of.
        let isEmptied =
          starting.hasSeenQueue && sample.acceptQueueLength == 0 && sample.queuedOnCurrent.isEmpty
          && sample.unreadDatagrams == 0
        return sample.showsService || isEmptied ? becomeReady(starting.instance, at: now) : failStart(starting, at: now)
      }
      starting.instance.note(query, sample)
      state = .starting(starting)
      return []
    case .adopted(let socket):
      note(adopted: socket, by: &starting.instance, at: now)
      state = .starting(starting)
      let isBound = starting.instance.adopted.isSuperset(of: held)
      return isBound && configuration.readiness == .automatic ? becomeReady(starting.instance, at: now) : []
    case .notifiedReady:
      return configuration.readiness == .notify ? becomeReady(starting.instance, at: now) : []
    case .queuesRead(let query, let lengths):
      guard query == starting.queueQuery else { return [] }
      starting.queueQuery = nil
      starting.hasSeenQueue = starting.hasSeenQueue || lengths.current > 0
      if lengths.current == 0, starting.hasSeenQueue {
        starting.instance.hasAccepted = true
        return becomeReady(starting.instance, at: now)
      }
      if hasSettled(&starting, lengths, at: now) {
        starting.instance.isPresumed = true
        return becomeReady(starting.instance, at: now)
      }
      state = .starting(starting)
      return []
    case .mainExited(let status, let hasSuccessor):
      if let follow = Self.follow(&starting.instance, status, hasSuccessor) {
        starting.begunAt = now
        starting.takenAt = nil
        state = .starting(starting)
        return follow
      }
      noteExit(status, of: &starting.instance)
      // One that serves quickly and leaves may do so before it was seen to be ready.
      let isGood = status == .exited(code: 0)
      return clearAway(starting.instance, isGood ? .left : .failure(.diedStarting(status)), at: now)
    case .allProcessesGone:
      starting.instance.isGone = true
      state = .starting(starting)
      return []
    case .listenerShutDown(let socket):
      starting.instance.deafness = Deafness(grace: configuration.deafGrace, at: now)
      state = .starting(starting)
      return [.listenAgain, .report(.listenerShutDown(socket: socket))]
    case .stopRequested:
      return stop(starting.instance, .quit, at: now)
    case .stopAtOnceRequested:
      return stopAtOnce(starting.instance, at: now)
    case .deadlineReached:
      if Self.isDue(starting.instance.relayUnboundAt, at: now) {
        let actions = relayUnbound(&starting.instance)
        state = .starting(starting)
        return actions
      }
      return starting.deadline.map({ $0 <= now }) == true
        ? startTimedOut(starting, at: now) : lookAtQueues(starting, at: now)
    case .sampleFailed(let query):
      return query == starting.lastLook ? failStart(starting, at: now) : []
    case .restRequested, .pinned, .verifyRequested, .verificationEnded, .reconfigured, .canFreezeChanged,
      .notifiedStopping,
      .busySaid, .timeoutExtended, .watchdogExpired, .exitExcused:
      return []
    case .startRequested, .connectionWaiting, .connectionClosed, .nextOpened, .nextUnavailable,
      .steeringFailed, .barrierPassed, .nextClosed, .frozen, .freezeFailed, .connectionsHeld, .holdFailed,
      .dataArrived, .ignoredCame:
      return []
    }
  }

  /// A main process that ends well and leaves others behind has gone to the background: the rest is the service.
  static func follow(_ instance: inout Instance, _ status: ExitStatus, _ hasSuccessor: Bool) -> [Action]? {
    guard status.isSuccess, hasSuccessor, instance.handovers < Instance.handoversMax else { return nil }
    instance.handovers += 1
    instance.excusedExit = nil
    return [.followSuccessor, .report(.wentToBackground)]
  }

  private mutating func lookAtQueues(_ starting: Starting, at now: Instant) -> [Action] {
    guard Self.isDue(starting.lookAt, at: now) else { return [] }
    var starting = starting
    let query = nextQuery()
    starting.queueQuery = query
    // Seldom after a long while: a start without a time limit must not be looked at 20 times a second for ever.
    let longest = max(.milliseconds(50), now.since(starting.instance.wokenAt) / 64)
    starting.lookInterval = min(starting.lookInterval * 2, longest)
    starting.lookAt = now.advanced(by: starting.lookInterval)
    state = .starting(starting)
    return [.readQueues(query)]
  }

  /// A service that takes its sockets as they are passed shows by nothing but its queues that it is up, and nobody is in them. So
  /// it counts as started when it has not died of its start: as it does for systemd at once. Whoever comes later is served when it
  /// can, as by any service that is running; and what it binds later is noted as well.
  private func hasSettled(_ starting: inout Starting, _ lengths: QueueLengths, at now: Instant) -> Bool {
    guard lengths.current == 0, !starting.hasSeenQueue, starting.instance.adopted.isEmpty,
      let begunAt = starting.begunAt
    else { return false }
    starting.takenAt = lengths.areTaken ? starting.takenAt ?? now : nil
    return Self.isDue(starting.takenAt?.advanced(by: configuration.takenGrace), at: now)
      || Self.isDue(configuration.settleGrace.map(begunAt.advanced(by:)), at: now)
  }

  private mutating func startTimedOut(_ starting: Starting, at now: Instant) -> [Action] {
    // Only its own READY=1 can tell that a silent service isn't up. Else: one that has bound something is, and so is one
    // that nobody has asked for anything.
    if configuration.readiness == .automatic, !starting.instance.adopted.isEmpty || !starting.hasSeenQueue {
      return becomeReady(starting.instance, at: now)
    }
    guard configuration.readiness == .automatic else { return failStart(starting, at: now) }
    // Its queue may never have been empty when it was looked at, or only between two looks.
    var starting = starting
    let query = nextQuery()
    starting.lastLook = query
    starting.deadline = nil
    starting.lookAt = nil
    state = .starting(starting)
    return [.sample(query)]
  }

  private mutating func failStart(_ starting: Starting, at now: Instant) -> [Action] {
    let failure = Failure.startTimedOut(after: now.since(starting.instance.wokenAt))
    return switch configuration.startTimeoutMode {
    case .terminate: stop(starting.instance, .failure(failure), at: now)
    case .abort: abort(starting.instance, .failure(failure), at: now)
    case .kill: kill(starting.instance, .failure(failure), at: now)
    }
  }

  private mutating func becomeReady(_ instance: Instance, at now: Instant) -> [Action] {
    var instance = instance
    instance.readyAt = now
    // It rests when its check is over.
    if instance.isVerification { instance.isRestRequested = false }
    instance.runtimeEndsAt = configuration.runtimeMax.map(now.advanced(by:))
    let isPartlyBound = !instance.adopted.isEmpty && !instance.adopted.isSuperset(of: held)
    // A server may bind its second address long after its first.
    instance.abandonAt = isPartlyBound ? configuration.startTimeout.map(instance.wokenAt.advanced(by:)) : nil
    let running = Running(instance: instance, lastEvidence: now, lookAt: nextLook(instance, at: now))
    state = .running(running)
    let after = now.since(instance.wokenAt)
    if instance.isVerification { return [.report(.serving(after: after)), .report(.readyToVerify(after: after))] }
    return [.report(.serving(after: after))] + (instance.isRestRequested ? lookForRest(running, at: now) : [])
  }

  // MARK: failed starts

  mutating func handle(_ event: Event, backingOff: BackingOff, at now: Instant) -> [Action] {
    switch event {
    case .deadlineReached:
      guard backingOff.query == nil, backingOff.until <= now else { return [] }
      return lookWhoWaits(backingOff)
    case .sampled(let query, let sample):
      guard query == backingOff.query else { return [] }
      guard sample.queuedOnCurrent.isEmpty else { return tryAgain(backingOff, isSeen: true, at: now) }
      if backingOff.restarts { return wake(at: now, isWanted: false) }
      // Nobody waits any more. Whoever comes now starts it at once; a further failure waits longer.
      return becomeDormant()
    case .sampleFailed(let query):
      // Nobody knows who waits: an empty queue proves nothing then.
      return query == backingOff.query ? tryAgain(backingOff, isSeen: false, at: now) : []
    case .startRequested:
      return wake(at: now, isWanted: false)
    case .listenerShutDown:
      return [.listenAgain]
    case .stopRequested, .stopAtOnceRequested:
      return end()
    case .restRequested, .pinned, .verifyRequested, .verificationEnded, .reconfigured, .canFreezeChanged,
      .notifiedStopping,
      .busySaid, .timeoutExtended, .watchdogExpired, .exitExcused:
      return []
    case .connectionWaiting, .spawned, .spawnFailed, .adopted, .notifiedReady, .mainExited, .allProcessesGone,
      .connectionClosed, .queuesRead, .nextOpened, .nextUnavailable, .steeringFailed, .barrierPassed, .nextClosed,
      .frozen, .freezeFailed, .connectionsHeld, .holdFailed, .dataArrived, .ignoredCame:
      return []
    }
  }

  /// At the end of the wait, not before it.
  private mutating func tryAgain(_ backingOff: BackingOff, isSeen: Bool, at now: Instant) -> [Action] {
    let refusal: [Action] = backingOff.isRestRequested ? [.report(.restAborted(strays: 0))] : []
    guard now < backingOff.until else { return refusal + wake(at: now, isWanted: true, isSeen: isSeen) }
    state = .backingOff(BackingOff(until: backingOff.until, restarts: backingOff.restarts))
    return refusal
  }

  mutating func lookWhoWaits(_ backingOff: BackingOff) -> [Action] {
    var backingOff = backingOff
    let query = nextQuery()
    backingOff.query = query
    state = .backingOff(backingOff)
    return [.sample(query)]
  }

  mutating func becomeDormant() -> [Action] {
    state = .dormant
    return [.report(.dormant), .arm]
  }

  /// A start that was asked for meanwhile is an event of its own: dormant is as it always is, and the actions of one event are few.
  mutating func becomeDormant(after stopping: Stopping, at now: Instant) -> [Action] {
    startAt = stopping.isStartRequested ? now : nil
    return becomeDormant()
  }

  mutating func end() -> [Action] {
    startAt = nil
    state = .ended
    return [.disarm, .report(.stopped), .finish]
  }
}
