// Draining → returning → running: a rest that is given up, since somebody used the service meanwhile.
//
// The same order the other way: steer to A, barrier, handshakes, and B's queue moves to A when B closes
// (net.ipv4.tcp_migrate_req), or is relayed where it can't.

extension Lifecycle {
  /// `isImpossible`: nobody came, but a step of it can't be done now.
  mutating func giveUpRest(_ instance: Instance, isImpossible: Bool = false, at now: Instant) -> [Action] {
    var instance = instance
    let thawing = Self.thaw(&instance)
    let steered = configuration.steerable.intersection(held)
    let query = nextQuery()
    let returning = Returning(
      instance: instance, step: .barrier(query), relays: configuration.relayed.intersection(held),
      isImpossible: isImpossible)
    guard !steered.isEmpty else { return thawing + finishReturn(returning, strays: 0, at: now) }
    state = .returning(returning)
    return thawing + [.steer(.current), .barrier(query)]
  }

  /// Every socket whose clients can wait on the next one.
  private var returned: Set<Int> { held.filter { configuration.sockets[$0].isStream } }

  mutating func handle(_ event: Event, returning: Returning, at now: Instant) -> [Action] {
    var returning = returning
    switch event {
    case .barrierPassed(let query):
      guard case .barrier(query) = returning.step else { return [] }
      returning.isLate = returning.relays.isSuperset(of: returned)
      returning.deadline = now.advanced(by: returning.isLate ? handshakeLifetime : configuration.returnTimeout)
      let snapshot = nextQuery()
      returning.step = .handshakeSnapshot(snapshot)
      state = .returning(returning)
      return relayIfNeeded(returning) + [.sample(snapshot)]
    case .sampled(let query, let sample):
      switch returning.step {
      case .handshakeSnapshot(query):
        return awaitHandshakes(sample.handshakes, returning, at: now)
      case .handshakes(let pending, query):
        return awaitHandshakes(pending.intersection(sample.handshakes), returning, at: now)
      case .barrier, .handshakeSnapshot, .handshakes, .queue, .closing:
        return []
      }
    case .queuesRead(let query, let lengths):
      guard case .queue(query) = returning.step else { return [] }
      let isEmpty = returning.relays.allSatisfy { lengths.next[$0] ?? 0 == 0 }
      return isEmpty ? close(returning) : pause([], returning, at: now)
    case .sampleFailed(let query):
      // What can't be seen is still under way; and an answer to an older question says nothing of this step.
      switch returning.step {
      case .handshakeSnapshot(query): return retryLater(returning, at: now)
      case .handshakes(let pending, query): return pause(pending, returning, at: now)
      case .barrier, .handshakeSnapshot, .handshakes, .queue, .closing: return []
      }
    case .deadlineReached:
      if case .closing = returning.step { return [] }
      if Self.isDue(returning.deadline, at: now) {
        if returning.isLate { return close(returning) }
        // B can't close while a handshake on it may end: an ACK that has found B listening and comes to its queue when B has
        // closed is neither moved nor answered (tcp_v4_rcv, inet_csk_reqsk_queue_add), and its client is reset. So those
        // who wait on B wait no longer: they are relayed until the last handshake is over.
        returning.isLate = true
        returning.relays = returned
        returning.deadline = now.advanced(by: handshakeLifetime)
        returning.retryAt = returning.retryAt.map { _ in now }
      }
      guard Self.isDue(returning.retryAt, at: now) else {
        state = .returning(returning)
        return relayIfNeeded(returning)
      }
      let query = nextQuery()
      returning.retryAt = nil
      switch returning.step {
      case .handshakes(let pending, nil): returning.step = .handshakes(pending, query)
      case .handshakeSnapshot: returning.step = .handshakeSnapshot(query)
      case .barrier, .handshakes, .queue, .closing: return []
      }
      state = .returning(returning)
      return relayIfNeeded(returning) + [.sample(query)]
    case .nextClosed(let strays):
      guard case .closing = returning.step else { return [] }
      return finishReturn(returning, strays: strays, at: now)
    case .mainExited(let status, let hasSuccessor):
      let follow = Self.follow(&returning.instance, status, hasSuccessor)
      if follow == nil { noteExit(status, of: &returning.instance) }
      state = .returning(returning)
      return follow ?? []
    case .allProcessesGone:
      returning.instance.isGone = true
      state = .returning(returning)
      return []
    case .adopted(let socket):
      note(adopted: socket, by: &returning.instance, at: now)
      state = .returning(returning)
      return []
    case .listenerShutDown:
      returning.instance.deafness = Deafness(grace: configuration.deafGrace, at: now)
      state = .returning(returning)
      return [.listenAgain]
    case .stopRequested:
      return stop(returning.instance, .quit, at: now)
    case .stopAtOnceRequested:
      return stopAtOnce(returning.instance, at: now)
    case .restRequested, .pinned, .verifyRequested, .verificationEnded, .reconfigured, .canFreezeChanged,
      .notifiedStopping,
      .busySaid, .timeoutExtended, .watchdogExpired, .exitExcused:
      return []
    case .startRequested, .connectionWaiting, .spawned, .spawnFailed, .notifiedReady, .connectionClosed, .nextOpened,
      .nextUnavailable, .steeringFailed, .frozen, .freezeFailed, .connectionsHeld, .holdFailed, .dataArrived,
      .ignoredCame:
      return []
    }
  }

  private mutating func finishReturn(_ returning: Returning, strays: Int, at now: Instant) -> [Action] {
    let report = Action.report(
      returning.isImpossible
        ? .restImpossible(retryIn: configuration.idleTimeout ?? .zero) : .restAborted(strays: strays))
    let instance = returning.instance
    if let status = instance.mainExit { return [report] + leave(instance, status, at: now) }
    return [.recordCloses, report] + goOn(instance, at: now)
  }

  private func relayIfNeeded(_ returning: Returning) -> [Action] {
    returning.relays.isEmpty ? [] : [.relayStrays(sockets: returning.relays)]
  }

  private mutating func awaitHandshakes(_ pending: Set<UInt64>, _ returning: Returning, at now: Instant) -> [Action] {
    guard pending.isEmpty else { return pause(pending, returning, at: now) }
    guard !returning.relays.isEmpty else { return close(returning) }
    // Nothing can enter B's queue any more: what is relayed now was the last of it, unless we were short of descriptors.
    var returning = returning
    let query = nextQuery()
    returning.step = .queue(query)
    state = .returning(returning)
    return relayIfNeeded(returning) + [.readQueues(query)]
  }

  private mutating func pause(_ pending: Set<UInt64>, _ returning: Returning, at now: Instant) -> [Action] {
    var returning = returning
    returning.step = .handshakes(pending, nil)
    return retryLater(returning, at: now)
  }

  private mutating func retryLater(_ returning: Returning, at now: Instant) -> [Action] {
    var returning = returning
    returning.retryAt = now.advanced(by: returning.retryInterval)
    // Relaying can last a minute, for a client that has vanished: seldom enough to cost little.
    let longest = returning.isLate ? longestRelayInterval : longestRetryInterval
    returning.retryInterval = min(returning.retryInterval * 2, longest)
    state = .returning(returning)
    return []
  }

  private mutating func close(_ returning: Returning) -> [Action] {
    var returning = returning
    returning.step = .closing
    returning.deadline = nil
    returning.retryAt = nil
    state = .returning(returning)
    return [.closeNext]
  }

  /// Back to work, or to its end if that has begun meanwhile.
  mutating func goOn(_ instance: Instance, at now: Instant) -> [Action] {
    if instance.isAborted { return awaitEnd(of: instance, .failure(.watchdog), at: now) }
    if instance.saysStopping { return awaitEnd(of: instance, .left, at: now) }
    resume(instance, at: now)
    return []
  }

  mutating func resume(_ instance: Instance, at now: Instant) {
    var instance = instance
    instance.asleepSince = nil
    state = .running(Running(instance: instance, lastEvidence: now, lookAt: nextLook(instance, at: now)))
  }
}
