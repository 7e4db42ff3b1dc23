import Lifecycle

// What the service does, by itself and when told.

extension World {
  /// The instance exists and some process of it is alive.
  func isRunning(_ instance: Int) -> Bool { instance == instances.count - 1 && instances[instance].isAlive }

  mutating func spawn() -> Event {
    if let last = instances.last, last.isAlive { violate(.neverTwoInstances, "spawned while the last one lives") }
    checkSpawn()
    let isSick = !isHealed && random.chance(settings.sickPercent)
    var plan = isSick ? Plan.sick(settings, &random) : Plan.healthy(settings, &random)
    let leavesChildren = settings.configuration.killMode == .process
    if leavesChildren { plan.keepChildrenApart() }
    plan.acceptsUntilExit = extras.chance(settings.acceptsUntilExitPercent)
    plan.showsTaking = !settings.serviceBinds && extras.chance(60)
    var queued: [Int] = []
    for group in kernel.groups where !group.isAbandoned { queued += kernel.listeners[group.current].queue }
    let id = instances.count
    instances.append(Instance(plan: plan, queuedAtBirth: queued))
    instances[id].spawnedAt = now
    instances[id].begunAt = now
    instances[id].leavesChildren = leavesChildren
    noteSpawn()
    instances[id].isWanted = feeding == .connectionWaiting
    note("  instance \(id): \(plan)")
    guard plan.canSpawn else {
      instances[id].isMainAlive = false
      instances[id].childrenAlive = 0
      instances[id].isGoneTold = true
      // A successor of a manager that dies now knows nothing of it.
      if settings.deaths == 0 { noteEnd(hasFailed: true) }
      return .spawnFailed
    }
    enter(plan, of: id)
    return .spawned
  }

  private mutating func enter(_ plan: Plan, of id: Int) {
    for (socket, delay) in plan.binds.enumerated() {
      if let delay { add(.binds(instance: id, socket: socket), after: delay) }
    }
    if plan.binds.isEmpty { instances[id].bound = Set(kernel.groups.indices) }
    if plan.acceptsAfter < .max { add(.startsAccepting(instance: id), after: plan.acceptsAfter) }
    if let delay = plan.notifiesAfter { add(.notifiesReady(instance: id), after: delay) }
    if let delay = plan.backgroundAfter { add(.goesToBackground(instance: id), after: delay) }
    if let exit = plan.mainExit { add(.mainExits(instance: id, exit.status), after: exit.after) }
    if let delay = plan.hangsAfter { add(.hangs(instance: id), after: delay) }
    if let delay = plan.leavesAfter { add(.notifiesStopping(instance: id), after: delay) }
    if let delay = plan.shutsListenerDownAfter { add(.shutsListenerDown(instance: id), after: delay) }
  }

  mutating func binds(_ id: Int, _ socket: Int) {
    guard isRunning(id), instances[id].ownExit == nil, !kernel.groups[socket].isAbandoned else { return }
    instances[id].bound.insert(socket)
    instances[id].firstBoundAt = instances[id].firstBoundAt ?? now
    feed(.adopted(socket: socket))
    scheduleAccept()
  }

  mutating func startsAccepting(_ id: Int) {
    guard isRunning(id), !instances[id].isTerminated, !instances[id].isHanging else { return }
    instances[id].isAccepting = true
    if instances[id].plan.showsTaking { instances[id].takenAt = now }
    scheduleAccept()
  }

  // MARK: accepting

  /// The listener that the service accepts from next.
  private func acceptable(_ instance: Instance) -> Int? {
    for socket in instance.bound.sorted() where !kernel.groups[socket].isAbandoned {
      let listener = kernel.groups[socket].current
      if !kernel.listeners[listener].queue.isEmpty { return listener }
    }
    return nil
  }

  mutating func scheduleAccept() {
    guard let id = instances.indices.last, instances[id].isAccepting, !instances[id].isAcceptScheduled,
      instances[id].isAlive, acceptable(instances[id]) != nil
    else { return }
    instances[id].isAcceptScheduled = true
    let isSlow = random.chance(10)
    let range = isSlow ? millisecond...40 * millisecond : microsecond...500 * microsecond
    add(.accepts(instance: id), after: random.spread(range))
  }

  mutating func accepts(_ id: Int) {
    guard isRunning(id) else { return }
    instances[id].isAcceptScheduled = false
    guard instances[id].isAccepting, let listener = acceptable(instances[id]) else { return }
    let connection = kernel.listeners[listener].queue.removeFirst()
    instances[id].hasAccepted = true
    if kernel.connections[connection].kind == .datagram { return receives(connection, from: listener) }
    kernel.change(connection, at: now) { $0.phase = .limbo }
    let isSlow = random.chance(15)
    add(
      .acceptReturns(connection: connection),
      after: random.spread(isSlow ? 100 * microsecond...20 * millisecond : microsecond...20 * microsecond))
    scheduleAccept()
  }

  /// recvfrom(): it is in nobody's queue any more, and nothing shows it until it is answered.
  private mutating func receives(_ id: Int, from listener: Int) {
    kernel.change(id, at: now) { $0.phase = .inHand }
    kernel.listeners[listener].lastRead = kernel.connections[id].queuedAt
    kernel.lastDatagram = kernel.connections[id].queuedAt
    kernel.hasReceived = true
    outcome.counts.datagrams += 1
    add(.replies(connection: id), after: random.spread(10 * microsecond...50 * millisecond))
    scheduleAccept()
  }

  /// The service has read a further request.
  mutating func reads(_ id: Int) {
    guard kernel.connections[id].phase == .inHand else { return }
    kernel.change(id, at: now) { $0.hasUnreadData = false }
    add(.replies(connection: id), after: extras.spread(10 * microsecond...50 * millisecond))
  }

  mutating func acceptReturns(_ id: Int) {
    guard kernel.connections[id].phase == .limbo else { return }
    kernel.change(id, at: now) { $0.phase = .inHand }
    if kernel.connections[id].isFinished {
      add(.closes(connection: id), after: random.spread(microsecond...millisecond))
    } else if kernel.connections[id].isSilentFirst, let silence = kernel.connections[id].silences.first {
      kernel.change(id, at: now) { $0.silences.removeFirst() }
      add(.clientSends(id), after: silence)
    } else {
      add(.replies(connection: id), after: random.spread(10 * microsecond...50 * millisecond))
    }
  }

  mutating func replies(_ id: Int) {
    let connection = kernel.connections[id]
    guard connection.phase == .inHand else { return }
    guard !connection.isFinished else { return closes(id) }
    kernel.carryData(id, at: now)
    kernel.change(id, at: now) { $0.isServed = true }
    outcome.counts.served += 1
    if connection.kind == .datagram { return end(id, .served) }
    guard let silence = connection.silences.first else { return add(.clientCloses(id), after: connection.holdTime) }
    kernel.change(id, at: now) { $0.silences.removeFirst() }
    add(.clientSends(id), after: silence)
  }

  mutating func closes(_ id: Int) {
    guard kernel.connections[id].phase == .inHand else { return }
    end(id, kernel.connections[id].isServed ? .served : .gaveUp)
    if kernel.connections[id].kind != .datagram, !kernel.connections[id].isIgnored { recordClose() }
  }

  // MARK: leaving

  mutating func shutsListenerDown(_ id: Int) {
    guard isRunning(id), let socket = instances[id].bound.min(), !kernel.groups[socket].isAbandoned else { return }
    guard settings.configuration.sockets[socket] != .datagram else { return }
    let listener = kernel.groups[socket].current
    outcome.counts.shutDownListeners += 1
    // It is about to leave, or knows nothing of it.
    if extras.chance(50) { instances[id].isAccepting = false }
    kernel.listeners[listener].isListening = false
    kernel.listeners[listener].isShutDownUntold = true
    for waiting in kernel.listeners[listener].queue { lose(waiting, isExcused: true, "") }
    kernel.listeners[listener].queue = []
    for index in kernel.connections.indices
    where kernel.connections[index].listener == listener && kernel.connections[index].phase == .handshaking {
      lose(index, isExcused: true, "")
    }
    add(.listenerShutDown(listener: listener), after: random.spread(microsecond...millisecond))
  }

  mutating func goesToBackground(_ id: Int) {
    guard isRunning(id), instances[id].isMainAlive, instances[id].childrenAlive > 0 else { return }
    instances[id].isMainAlive = false
    instances[id].lastExit = .exited(code: 0)
    tellExitLater(id, .exited(code: 0))
  }

  mutating func mainExits(_ id: Int, _ status: ExitStatus) {
    guard isRunning(id), instances[id].isMainAlive else { return }
    // A crash that was due before all was set right.
    if isHealed, instances[id].plan.isHealthy, instances[id].ownExit == nil, !instances[id].isTerminated { return }
    instances[id].isMainAlive = false
    instances[id].lastExit = status
    if !instances[id].isTerminated { instances[id].ownExit = status }
    if !instances[id].plan.childrenServe || instances[id].childrenAlive == 0 { dropEverything(id) }
    tellExitLater(id, status)
    if fault == .saysGoneTooEarly, instances[id].childrenAlive > 0 {
      add(.allProcessesGone(instance: id), after: microsecond)
    }
    tellGoneLater(id)
  }

  mutating func childExits(_ id: Int) {
    guard isRunning(id), instances[id].childrenAlive > 0 else { return }
    instances[id].childrenAlive -= 1
    if !instances[id].isAlive { dropEverything(id) }
    tellGoneLater(id)
  }

  /// The process that had the connections is gone, and they with it.
  private mutating func dropEverything(_ id: Int) {
    instances[id].isAccepting = false
    for index in kernel.connections.indices {
      switch kernel.connections[index].phase {
      case .limbo, .inHand:
        let connection = kernel.connections[index]
        lose(
          index, isExcused: !instances[id].isTerminatedForRest || isExcused(connection),
          "in hand when the service was put to rest")
        if connection.kind != .datagram, !connection.isIgnored { recordClose() }
      case .away, .synInProcess, .handshaking, .queued, .gone: break
      }
    }
  }

  private mutating func tellExitLater(_ id: Int, _ status: ExitStatus) {
    add(
      .mainExited(instance: id, epoch: instances[id].epoch, status),
      after: random.spread(microsecond...500 * microsecond))
  }

  private mutating func tellGoneLater(_ id: Int) {
    guard !instances[id].isAlive, !instances[id].isGoneTold else { return }
    instances[id].isGoneTold = true
    add(.allProcessesGone(instance: id), after: random.spread(microsecond...500 * microsecond))
  }

  // MARK: signals

  mutating func terminate(isForAll: Bool) {
    guard let id = instances.indices.last, instances[id].isAlive else { return }
    let plan = instances[id].plan
    instances[id].isTerminated = true
    if instances[id].isMainAlive, !plan.ignoresTerminate {
      if !plan.acceptsUntilExit { instances[id].isAccepting = false }
      if plan.dropsQueueOnTerminate { dropQueues(id) }
      let delay = random.spread(microsecond...plan.terminatesWithin)
      let status = random.chance(50) ? ExitStatus.exited(code: 0) : .signalled(15, dumpedCore: false)
      add(.mainExits(instance: id, status), after: delay)
    }
    if isForAll, !plan.childrenIgnoreTerminate {
      for _ in 0..<instances[id].childrenAlive {
        add(.childExits(instance: id), after: random.spread(microsecond...plan.terminatesWithin))
      }
    }
  }

  /// SIGABRT, which it may not heed.
  mutating func abort() {
    guard let id = instances.indices.last, instances[id].isMainAlive else { return }
    instances[id].isTerminated = true
    instances[id].isAccepting = false
    guard extras.chance(70) else { return }
    add(.mainExits(instance: id, .signalled(6, dumpedCore: true)), after: extras.spread(microsecond...second))
  }

  private mutating func dropQueues(_ id: Int) {
    for socket in instances[id].bound.sorted() where !kernel.groups[socket].isAbandoned {
      let listener = kernel.groups[socket].current
      for waiting in kernel.listeners[listener].queue {
        lose(
          waiting, isExcused: !instances[id].isTerminatedForRest || isExcused(kernel.connections[waiting]),
          "dropped by the service's handling of SIGTERM")
      }
      kernel.listeners[listener].queue = []
    }
  }

  mutating func kill() {
    guard let id = instances.indices.last, instances[id].isAlive else { return }
    instances[id].isTerminated = true
    instances[id].isKilled = true
    add(
      .mainExits(instance: id, .signalled(9, dumpedCore: false)),
      after: random.spread(microsecond...millisecond))
    for _ in 0..<instances[id].childrenAlive {
      add(.childExits(instance: id), after: random.spread(microsecond...millisecond))
    }
  }

  mutating func followSuccessor() {
    guard let id = instances.indices.last else { return }
    outcome.counts.successorsFollowed += 1
    instances[id].epoch += 1
    instances[id].begunAt = now
    instances[id].toldExit = nil
    instances[id].rawExit = nil
    if instances[id].childrenAlive > 0 {
      instances[id].childrenAlive -= 1
      instances[id].isMainAlive = true
    } else {
      // It was gone before it could be followed, and nobody is left to say how it ended.
      tellExitLater(id, .unknown)
    }
  }

  /// Whatever was wrong with the service is set right, and it is started anew.
  mutating func heal() {
    let isFirst = !isHealed
    isHealed = true
    // What it would have crashed of when it is thawed.
    deferred.removeAll { if case .mainExits = $0 { true } else { false } }
    guard let id = instances.indices.last else { return }
    // Its end hasn't been told, and is before there is a second time.
    let mayBeFollowed = isFirst && instances[id].toldExit == nil && instances[id].childrenAlive > 0
    guard instances[id].isAlive || mayBeFollowed else { return }
    guard !instances[id].plan.isHealthy || instances[id].ownExit != nil else { return }
    // Between two main processes: whichever comes to be is ended then.
    guard instances[id].isMainAlive else { return add(.healed, after: 50 * millisecond) }
    mainExits(id, .signalled(11, dumpedCore: false))
  }
}
