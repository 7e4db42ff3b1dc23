// Running → draining → stopping → dormant, or back: the hand-back of TCP sockets.
//
// The service has the current socket A of each held address; the next one, B, is made in the same SO_REUSEPORT group. The
// steps, each of which the following ones rely on:
//
//  1. open:       B listens, while the constant program still sends every SYN to A.
//  2. steer:      the program says B. A SYN that is being processed may still have chosen A before it was replaced.
//  3. barrier:    an RCU grace period later no such SYN is left: listener lookup happens under rcu_read_lock.
//                 From here on no *new* handshake can begin on A.
//  4. handshakes: those that had begun (SYN_RECV) may still end on A. The set is taken now, after the barrier, so that it
//                 holds all of A's; B's are among them too, which costs only time. When none of the set is left, no
//                 connection can enter A's queue any more.
//  5. queue:      A's accept queue is empty. It can't fill again (4). So whoever was in it has been accepted.
//  6. in hand:    *then* nothing accepted is open. A connection moves from queue to hand and never back, so looking at the
//                 queue first can't miss one, while looking at the hand first can. One that accept() has taken from the
//                 queue and not yet given a file to is told by its generation mark (see ConnectionSense).
//  7. commit:     SIGTERM. Nothing that came in by A is left; all that comes goes to B and waits for the next instance.
//  8. swap:       when no process is left: A is closed, B is current, and only then armed.
//
// With marks, each look of 4 already shows whatever came in by A, and its last proves that nothing is left. 5 and 6 are the
// same proof for a kernel that shows no marks, and a second look everywhere.
//
// Whatever shows at 3 to 6 that somebody used the service meanwhile ends the attempt: it isn't idle, however short the
// visit was, and what the visitor left in its memory is to stay for the whole idle time. Then the same order the other way:
// steer to A, barrier, handshakes, and B's queue moves to A when B closes (net.ipv4.tcp_migrate_req) or is relayed.

extension Lifecycle {
  mutating func beginRest(_ running: Running, at now: Instant) -> [Action] {
    state = .draining(Draining(instance: running.instance, step: .opening))
    return [.report(.resting(idle: now.since(running.lastEvidence))), .openNext]
  }

  mutating func handle(_ event: Event, draining: Draining, at now: Instant) -> [Action] {
    var draining = draining
    switch event {
    case .nextOpened:
      guard case .opening = draining.step else { return [] }
      let query = nextQuery()
      draining.step = .barrier(query)
      state = .draining(draining)
      return [.steer(.next), .barrier(query)]
    case .nextUnavailable:
      guard case .opening = draining.step else { return [] }
      resume(draining.instance, at: now)
      // It may have shut its own listener down meanwhile.
      return [.listenAgain, .recordCloses, .report(.restImpossible(retryIn: configuration.idleTimeout ?? .zero))]
    case .barrierPassed(let query):
      guard case .barrier(query) = draining.step else { return [] }
      draining.deadline = now.advanced(by: configuration.drainTimeout)
      let snapshot = nextQuery()
      draining.step = .handshakeSnapshot(snapshot)
      state = .draining(draining)
      return [.sample(snapshot)]
    case .sampled(let query, let sample):
      return judge(sample, query, draining, at: now)
    case .queuesRead(let query, let lengths):
      guard case .queue(query) = draining.step else { return [] }
      guard lengths.current == 0 else { return giveUpRest(draining.instance) }
      let inHand = nextQuery()
      draining.step = .inHand(inHand)
      state = .draining(draining)
      return [.sample(inHand)]
    case .sampleFailed, .steeringFailed:
      return giveUpRest(draining.instance)
    case .deadlineReached:
      if Self.isDue(draining.deadline, at: now) { return giveUpRest(draining.instance) }
      return Self.isDue(draining.retryAt, at: now) ? lookAtHandshakes(draining) : []
    case .mainExited(let status, let hasSuccessor):
      if let follow = Self.follow(&draining.instance, status, hasSuccessor) {
        state = .draining(draining)
        return follow
      }
      // It may have left connections in A: they and B's have to end up in one queue.
      draining.instance.mainExit = status
      return giveUpRest(draining.instance)
    case .allProcessesGone:
      draining.instance.isGone = true
      state = .draining(draining)
      return []
    case .adopted(let socket):
      note(adopted: socket, by: &draining.instance, at: now)
      state = .draining(draining)
      return []
    case .stopRequested:
      return stop(draining.instance, .quit, at: now)
    case .stopAtOnceRequested:
      return stopAtOnce(draining.instance, at: now)
    case .listenerShutDown:
      // Nothing new is to come by it now; steering back to it makes it listen again.
      draining.instance.noteShutDown()
      state = .draining(draining)
      return []
    case .startRequested, .connectionWaiting, .spawned, .spawnFailed, .notifiedReady,
      .connectionClosed,
      .nextClosed:
      return []
    }
  }

  private mutating func judge(_ sample: Sample, _ query: Query, _ draining: Draining, at now: Instant) -> [Action] {
    let isInUse = sample.accepted > 0 || !sample.queuedOnCurrent.isEmpty || sample.hasClosed
    switch draining.step {
    case .handshakeSnapshot(query):
      if isInUse { return giveUpRest(draining.instance) }
      return awaitHandshakes(sample.handshakes, draining, at: now)
    case .handshakes(let pending, query):
      if isInUse { return giveUpRest(draining.instance) }
      return awaitHandshakes(pending.intersection(sample.handshakes), draining, at: now)
    case .inHand(query):
      return isInUse ? giveUpRest(draining.instance) : stop(draining.instance, .rest, at: now)
    case .opening, .barrier, .handshakeSnapshot, .handshakes, .queue, .inHand:
      // A late answer to an older question: of what it says, only that something has closed is still true.
      return sample.hasClosed ? giveUpRest(draining.instance) : []
    }
  }

  private mutating func awaitHandshakes(_ pending: Set<UInt64>, _ draining: Draining, at now: Instant) -> [Action] {
    var draining = draining
    guard pending.isEmpty else {
      draining.step = .handshakes(pending, nil)
      draining.retryAt = now.advanced(by: draining.retryInterval)
      draining.retryInterval = min(draining.retryInterval * 2, longestRetryInterval)
      state = .draining(draining)
      return []
    }
    let query = nextQuery()
    draining.step = .queue(query)
    state = .draining(draining)
    return [.readQueues(query)]
  }

  private mutating func lookAtHandshakes(_ draining: Draining) -> [Action] {
    guard case .handshakes(let pending, nil) = draining.step else { return [] }
    var draining = draining
    let query = nextQuery()
    draining.retryAt = nil
    draining.step = .handshakes(pending, query)
    state = .draining(draining)
    return [.sample(query)]
  }

  // MARK: giving up

  private mutating func giveUpRest(_ instance: Instance) -> [Action] {
    let query = nextQuery()
    state = .returning(
      Returning(instance: instance, step: .barrier(query), relays: !configuration.canMigrate))
    return [.steer(.current), .barrier(query)]
  }

  mutating func handle(_ event: Event, returning: Returning, at now: Instant) -> [Action] {
    var returning = returning
    switch event {
    case .barrierPassed(let query):
      guard case .barrier(query) = returning.step else { return [] }
      returning.deadline = now.advanced(by: returning.relays ? handshakeLifetime : configuration.returnTimeout)
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
      return lengths.next == 0 ? close(returning) : pause([], returning, at: now)
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
        if returning.relays { return close(returning) }
        // B can't close while a handshake on it may end: an ACK that has found B listening and comes to its queue when B has
        // closed is neither moved nor answered (tcp_v4_rcv, inet_csk_reqsk_queue_add), and its client is reset. So those
        // who wait on B wait no longer: they are relayed until the last handshake is over.
        returning.relays = true
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
      let report = Action.report(.restAborted(strays: strays))
      if let status = returning.instance.mainExit { return [report] + leave(returning.instance, status, at: now) }
      resume(returning.instance, at: now)
      return [.recordCloses, report]
    case .mainExited(let status, let hasSuccessor):
      let follow = Self.follow(&returning.instance, status, hasSuccessor)
      if follow == nil { returning.instance.mainExit = status }
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
      returning.instance.noteShutDown()
      state = .returning(returning)
      return [.listenAgain]
    case .stopRequested:
      return stop(returning.instance, .quit, at: now)
    case .stopAtOnceRequested:
      return stopAtOnce(returning.instance, at: now)
    case .startRequested, .connectionWaiting, .spawned, .spawnFailed, .notifiedReady, .connectionClosed, .nextOpened,
      .nextUnavailable, .steeringFailed:
      return []
    }
  }

  private func relayIfNeeded(_ returning: Returning) -> [Action] { returning.relays ? [.relayStrays] : [] }

  private mutating func awaitHandshakes(_ pending: Set<UInt64>, _ returning: Returning, at now: Instant) -> [Action] {
    guard pending.isEmpty else { return pause(pending, returning, at: now) }
    guard returning.relays else { return close(returning) }
    // Nothing can enter B's queue any more: what is relayed now was the last of it, unless we were short of descriptors.
    var returning = returning
    let query = nextQuery()
    returning.step = .queue(query)
    state = .returning(returning)
    return [.relayStrays, .readQueues(query)]
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
    let longest = returning.relays ? longestRelayInterval : longestRetryInterval
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

  private mutating func resume(_ instance: Instance, at now: Instant) {
    state = .running(Running(instance: instance, lastEvidence: now, lookAt: nextLook(instance, at: now)))
  }
}
