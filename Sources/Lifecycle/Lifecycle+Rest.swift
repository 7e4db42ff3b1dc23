// Running → draining → stopping → dormant: the hand-back of the sockets.
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
// visit was, and what the visitor left in its memory is to stay for the whole idle time (Lifecycle+Return).
//
// A unix path is steered by renaming B's name over it. There are no handshakes: connect() looks the path up, and is in the
// queue a moment later, which the barrier outlasts unless the client is preempted in between. Such a one finds itself in
// A's queue, whenever that is; what is there when the service is gone is relayed to B, at the swap.
//
// Datagrams are steered last, when all else has been proven: what B has received can't go back to A. If somebody uses the
// service nevertheless, they are steered back, and a barrier later it is seen whether any has come to B. If none has, the
// rest is given up as any other. Else the only way is forward: A's queue is empty, and its last datagram is old enough to
// have been answered.
//
// Sockets that can't be steered at all leave two ways. A service that may be killed is frozen, looked at, and killed while
// it is frozen: whoever comes in between finds the queue that we hold. Any other is told to end with its socket in front of
// it: whom it accepts after that and doesn't serve is lost, which the shell has said at the start.

extension Lifecycle {
  /// What is later than `lastEvidence` is a use that ends it.
  mutating func beginRest(_ running: Running, lastEvidence: Instant, at now: Instant) -> [Action] {
    var running = running
    // A rest that is given up was used.
    running.instance.isWokenByIgnored = false
    let report = Action.report(.resting(idle: now.since(running.lastEvidence)))
    return [report]
      + (configuration.restsByFreeze
        ? beginFreeze(running.instance, lastEvidence: lastEvidence, at: now)
        : beginDrain(running.instance, lastEvidence: lastEvidence, at: now))
  }

  mutating func beginDrain(_ instance: Instance, lastEvidence: Instant, at now: Instant) -> [Action] {
    var draining = Draining(instance: instance, step: .opening, lastEvidence: lastEvidence)
    let steerable = configuration.steerable.intersection(held)
    guard steerable.isEmpty else {
      state = .draining(draining)
      return [.openNext(sockets: steerable)]
    }
    draining.deadline = now.advanced(by: configuration.drainTimeout)
    return lookInHand(draining)
  }

  /// Datagrams alone have nothing that could be proven before the commitment.
  private var steersStreams: Bool { held.contains { configuration.sockets[$0].isStream } }

  mutating func handle(_ event: Event, draining: Draining, at now: Instant) -> [Action] {
    var draining = draining
    switch event {
    case .nextOpened:
      guard case .opening = draining.step else { return [] }
      guard steersStreams else {
        draining.deadline = now.advanced(by: configuration.drainTimeout)
        return lookInHand(draining)
      }
      let query = nextQuery()
      draining.step = .barrier(query)
      state = .draining(draining)
      return [.steer(.next), .barrier(query)]
    case .nextUnavailable:
      guard case .opening = draining.step else { return [] }
      let thawing = Self.thaw(&draining.instance)
      // It may have shut its own listener down meanwhile.
      return thawing
        + [.listenAgain, .recordCloses, .report(.restImpossible(retryIn: configuration.idleTimeout ?? .zero))]
        + goOn(draining.instance, at: now)
    case .barrierPassed(let query):
      return passBarrier(query, draining, at: now)
    case .sampled(let query, let sample):
      return judge(sample, query, draining, at: now)
    case .queuesRead(let query, let lengths):
      if case .withdrawn(query) = draining.step { return endWithdrawal(draining, lengths, at: now) }
      guard case .queue(query) = draining.step else { return [] }
      return lengths.current == 0 ? lookInHand(draining) : giveUpRest(draining.instance, at: now)
    case .sampleFailed(let query):
      guard draining.isCommitted else { return giveUpRest(draining.instance, at: now) }
      guard case .datagrams(query) = draining.step else { return [] }
      return awaitAnswers(draining, at: now)
    case .steeringFailed:
      if draining.isWithdrawn { return refuseWithdrawal(draining, at: now) }
      return draining.isCommitted
        ? refuseCommit(draining, at: now) : giveUpRest(draining.instance, isImpossible: true, at: now)
    case .deadlineReached:
      // What it shows is worth more than the time that it took: where all that a look shows is rest, the drain goes on, with two more
      // questions at most. Else a kernel whose answers take longer than the drain may would never let it come to its end.
      if draining.isAsking { return [] }
      if Self.isDue(draining.deadline, at: now) {
        if draining.isCommitted { return stop(draining.instance, .rest, at: now) }
        return giveUpRest(draining.instance, isImpossible: draining.isFreezing, at: now)
      }
      return Self.isDue(draining.retryAt, at: now) ? lookAgain(draining, at: now) : []
    case .frozen(let query):
      guard case .freezing(query) = draining.step else { return [] }
      let look = nextQuery()
      draining.step = .frozenLook(look)
      state = .draining(draining)
      return [.sample(look)]
    case .freezeFailed(let query):
      guard case .freezing(query) = draining.step else { return [] }
      return giveUpRest(draining.instance, isImpossible: true, at: now)
    case .connectionClosed:
      // Told between a look and its answer.
      return draining.isCommitted ? [] : giveUpRest(draining.instance, at: now)
    case .dataArrived, .ignoredCame:
      // One of the connections that it was frozen with.
      return draining.instance.isHeld ? giveUpRest(draining.instance, at: now) : []
    case .mainExited(let status, let hasSuccessor):
      if let follow = Self.follow(&draining.instance, status, hasSuccessor) {
        state = .draining(draining)
        return follow
      }
      noteExit(status, of: &draining.instance)
      // What comes from now on is for the next instance.
      if draining.isWithdrawn { return [.commitDatagrams] + clearAway(draining.instance, .rest, at: now) }
      if draining.isCommitted { return clearAway(draining.instance, .rest, at: now) }
      // It may have left connections in A: they and B's have to end up in one queue.
      return giveUpRest(draining.instance, at: now)
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
      draining.instance.deafness = Deafness(grace: configuration.deafGrace, at: now)
      state = .draining(draining)
      return []
    case .restRequested, .pinned, .verifyRequested, .verificationEnded, .reconfigured, .canFreezeChanged,
      .notifiedStopping,
      .busySaid, .timeoutExtended, .watchdogExpired, .exitExcused:
      return []
    case .startRequested, .connectionWaiting, .spawned, .spawnFailed, .notifiedReady, .nextClosed,
      .connectionsHeld, .holdFailed:
      return []
    }
  }

  private mutating func passBarrier(_ query: Query, _ draining: Draining, at now: Instant) -> [Action] {
    var draining = draining
    let look = nextQuery()
    switch draining.step {
    case .barrier(query):
      draining.deadline = now.advanced(by: configuration.drainTimeout)
      draining.step = .handshakeSnapshot(look)
    case .commitBarrier(query):
      draining.deadline = now.advanced(by: configuration.datagramPatience)
      draining.retryInterval = firstRetryInterval
      draining.step = .datagrams(look)
    case .withdrawing(query):
      draining.step = .withdrawn(look)
      state = .draining(draining)
      return [.readQueues(look)]
    case .opening, .barrier, .handshakeSnapshot, .handshakes, .queue, .inHand, .freezing, .frozenLook, .commitBarrier,
      .commitRetry, .datagrams, .withdrawing, .withdrawalRetry, .withdrawn:
      return []
    }
    state = .draining(draining)
    return [.sample(look)]
  }

  private mutating func judge(_ sample: Sample, _ query: Query, _ draining: Draining, at now: Instant) -> [Action] {
    var draining = draining
    let isInUse = draining.isUse(sample, allowingSilence: configuration.allowsSilence)
    switch draining.step {
    case .handshakeSnapshot(query):
      if isInUse { return giveUpRest(draining.instance, at: now) }
      return awaitHandshakes(sample.handshakes, draining, at: now)
    case .handshakes(let pending, query):
      if isInUse { return giveUpRest(draining.instance, at: now) }
      return awaitHandshakes(pending.intersection(sample.handshakes), draining, at: now)
    case .inHand(query):
      return isInUse ? giveUpRest(draining.instance, at: now) : finishDrain(draining, at: now)
    case .frozenLook(query):
      return isInUse ? giveUpRest(draining.instance, at: now) : killFrozen(draining.instance, at: now)
    case .datagrams(query):
      // A datagram's stamp is that of its arrival; it may have been read at any moment since the last look.
      let mayHaveRead = sample.unreadDatagrams > 0 || sample.hasReceived
      draining.lastRead = mayHaveRead ? now : Self.later(draining.lastRead, sample.lastUse)
      if isInUse || mayHaveRead, draining.canWithdraw { return withdraw(draining, at: now) }
      let isAnswering = draining.lastRead.map { $0.advanced(by: configuration.answerGrace) > now } ?? false
      return isAnswering || sample.accepted > 0 && !configuration.allowsSilence
        ? awaitAnswers(draining, at: now) : stop(draining.instance, .rest, at: now)
    case .opening, .barrier, .handshakeSnapshot, .handshakes, .queue, .inHand, .freezing, .frozenLook:
      // A late answer to an older question: of what it says, only that something has closed is still true.
      return sample.hasClosed || sample.isAtWork ? giveUpRest(draining.instance, at: now) : []
    case .commitBarrier, .commitRetry, .datagrams, .withdrawing, .withdrawalRetry, .withdrawn:
      // A late answer, which tells nevertheless that it has read something.
      if sample.hasReceived {
        draining.lastRead = now
        state = .draining(draining)
      }
      return []
    }
  }

  private mutating func awaitHandshakes(_ pending: Set<UInt64>, _ draining: Draining, at now: Instant) -> [Action] {
    var draining = draining
    guard pending.isEmpty else {
      draining.step = .handshakes(pending, nil)
      return lookLater(draining, at: now)
    }
    let query = nextQuery()
    draining.step = .queue(query)
    state = .draining(draining)
    return [.readQueues(query)]
  }

  private mutating func awaitAnswers(_ draining: Draining, at now: Instant) -> [Action] {
    var draining = draining
    draining.step = .datagrams(nil)
    return lookLater(draining, at: now)
  }

  private mutating func lookLater(_ draining: Draining, at now: Instant) -> [Action] {
    var draining = draining
    draining.retryAt = now.advanced(by: draining.retryInterval)
    draining.retryInterval = min(draining.retryInterval * 2, longestRetryInterval)
    state = .draining(draining)
    return []
  }

  private mutating func lookAgain(_ draining: Draining, at now: Instant) -> [Action] {
    var draining = draining
    let query: Query
    switch draining.step {
    case .handshakes(let pending, nil):
      query = nextQuery()
      draining.step = .handshakes(pending, query)
    case .datagrams(nil):
      query = nextQuery()
      draining.step = .datagrams(query)
    case .commitRetry:
      return commitAgain(draining)
    case .withdrawalRetry:
      return withdraw(draining, at: now)
    case .opening, .barrier, .handshakeSnapshot, .handshakes, .queue, .inHand, .freezing, .frozenLook, .commitBarrier,
      .datagrams, .withdrawing, .withdrawn:
      return []
    }
    draining.retryAt = nil
    state = .draining(draining)
    return [.sample(query)]
  }

  private mutating func lookInHand(_ draining: Draining) -> [Action] {
    var draining = draining
    let query = nextQuery()
    draining.step = .inHand(query)
    state = .draining(draining)
    return [.sample(query)]
  }

  /// All that can be steered is proven to be at rest.
  private mutating func finishDrain(_ draining: Draining, at now: Instant) -> [Action] {
    var draining = draining
    let query = nextQuery()
    if configuration.restsByKill {
      if draining.instance.isFrozen { return killFrozen(draining.instance, at: now) }
      draining.instance.isFrozen = true
      draining.step = .freezing(query)
      draining.deadline = now.advanced(by: configuration.freezeTimeout)
      state = .draining(draining)
      return [.freeze(query)]
    }
    guard configuration.commitsDatagrams else { return stop(draining.instance, .rest, at: now) }
    // What is frozen can't read what it has: it runs from here on, and is given the time to.
    let thawing = Self.thaw(&draining.instance)
    draining.step = .commitBarrier(query)
    draining.deadline = nil
    state = .draining(draining)
    return [.commitDatagrams, .barrier(query)] + thawing
  }

  /// The kernel has refused to send datagrams to the next sockets. If no predecessor has, they go where they went.
  private mutating func refuseCommit(_ draining: Draining, at now: Instant) -> [Action] {
    guard let until = draining.commitUntil else {
      return giveUpRest(draining.instance, isImpossible: true, at: now)
    }
    // Told once for each kind of socket.
    guard case .commitBarrier = draining.step else { return [] }
    guard now < until else { return stop(draining.instance, .rest, at: now) }
    var draining = draining
    draining.step = .commitRetry
    return lookLater(draining, at: now)
  }

  /// All of it, whatever of it has been done.
  mutating func commitAgain(_ draining: Draining) -> [Action] {
    var draining = draining
    let query = nextQuery()
    draining.step = .commitBarrier(query)
    draining.retryAt = nil
    state = .draining(draining)
    return [.steer(.next), .commitDatagrams, .barrier(query)]
  }

  /// It must not rest now.
  mutating func interrupt(_ draining: Draining, at now: Instant) -> [Action] {
    if draining.canWithdraw { return withdraw(draining, at: now) }
    return draining.isCommitted ? [] : giveUpRest(draining.instance, at: now)
  }

  private mutating func withdraw(_ draining: Draining, at now: Instant) -> [Action] {
    var draining = draining
    let query = nextQuery()
    draining.step = .withdrawing(query)
    draining.withdrawUntil = draining.withdrawUntil ?? now.advanced(by: configuration.datagramPatience)
    draining.deadline = nil
    draining.retryAt = nil
    state = .draining(draining)
    return [.withdrawDatagrams, .barrier(query)]
  }

  /// The kernel has refused to steer them back: it is tried again, for as long as the service would have.
  private mutating func refuseWithdrawal(_ draining: Draining, at now: Instant) -> [Action] {
    guard case .withdrawing = draining.step else { return [] }
    guard !Self.isDue(draining.withdrawUntil, at: now) else { return commitForGood(draining, at: now) }
    var draining = draining
    draining.step = .withdrawalRetry
    return lookLater(draining, at: now)
  }

  private mutating func endWithdrawal(_ draining: Draining, _ lengths: QueueLengths, at now: Instant) -> [Action] {
    let hasCome = lengths.next.contains { configuration.sockets[$0.key] == .datagram && $0.value > 0 }
    return hasCome ? commitForGood(draining, at: now) : giveUpRest(draining.instance, at: now)
  }

  /// It has its time for what it is doing, and no more: others wait.
  private mutating func commitForGood(_ draining: Draining, at now: Instant) -> [Action] {
    var draining = draining
    draining.isFinal = true
    draining.commitUntil = now.advanced(by: configuration.datagramPatience)
    return commitAgain(draining)
  }

  mutating func killFrozen(_ instance: Instance, at now: Instant) -> [Action] { kill(instance, .rest, at: now) }
}

extension Lifecycle.Draining {
  /// Datagrams go to the next sockets, or have.
  var isCommitted: Bool {
    switch step {
    case .commitBarrier, .commitRetry, .datagrams, .withdrawing, .withdrawalRetry, .withdrawn: true
    case .opening, .barrier, .handshakeSnapshot, .handshakes, .queue, .inHand, .freezing, .frozenLook: false
    }
  }

  /// The answer to a look of its own is awaited.
  var isAsking: Bool {
    switch step {
    case .handshakeSnapshot, .queue, .inHand, .frozenLook, .withdrawn: true
    case .handshakes(_, let query), .datagrams(let query): query != nil
    case .opening, .barrier, .freezing, .commitBarrier, .commitRetry, .withdrawing, .withdrawalRetry: false
    }
  }

  var isWithdrawn: Bool {
    switch step {
    case .withdrawing, .withdrawalRetry, .withdrawn: true
    case .opening, .barrier, .handshakeSnapshot, .handshakes, .queue, .inHand, .freezing, .frozenLook, .commitBarrier,
      .commitRetry, .datagrams:
      false
    }
  }

  /// There may be a way back from the commitment.
  var canWithdraw: Bool { isCommitted && !isWithdrawn && !isFinal }

  var isFreezing: Bool { if case .freezing = step { true } else { false } }

  func isUse(_ sample: Sample, allowingSilence: Bool) -> Bool {
    sample.accepted > 0 && !allowingSilence || !sample.queuedOnCurrent.isEmpty || sample.hasClosed
      || sample.unreadDatagrams > 0 || sample.isAtWork || sample.lastUse.map { $0 > lastEvidence } ?? false
  }
}
