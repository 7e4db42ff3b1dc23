import Lifecycle

// Actions on the groups of listeners: what the rest and its giving up are made of.

extension World {
  mutating func openNext(_ sockets: Set<Int>) {
    ambush()
    checkRestBegins()
    drainBegan = now
    drainLook = nil
    drainReason = nil
    committedAt = nil
    if !isHealed, random.chance(settings.failsOpenPercent) {
      return add(.answer(.nextUnavailable), after: answerDelay())
    }
    for socket in sockets.sorted() {
      kernel.groups[socket].next = kernel.addListener(socket: socket)
    }
    add(.answer(.nextOpened), after: answerDelay())
  }

  mutating func steer(_ target: SteeringTarget) {
    switch target {
    case .current:
      listenAgain()
    case .next:
      if !isHealed, random.chance(settings.failsOpenPercent) {
        outcome.counts.failedSteerings += 1
        immediateAnswer = .steeringFailed
        return
      }
    }
    ambushAtOnce()
    if target == .current { checkGivingUp() }
    if fault != .ignoresSteering { kernel.steering = target }
    ambush()
  }

  mutating func commitDatagrams() {
    let isRefused =
      settings.refusesSuccessorPercent > 0 && (instances.last?.isInherited ?? false)
      && extras.chance(settings.refusesSuccessorPercent)
    if isRefused || !isHealed && random.chance(settings.failsOpenPercent) {
      outcome.counts.failedSteerings += 1
      immediateAnswer = .steeringFailed
      return
    }
    outcome.counts.commits += 1
    committedAt = now
    ambushAtOnce()
    if fault != .ignoresSteering { kernel.datagramSteering = .next }
    ambush()
  }

  mutating func withdrawDatagrams() {
    if !isHealed, extras.chance(settings.failsOpenPercent) {
      outcome.counts.failedSteerings += 1
      immediateAnswer = .steeringFailed
      return
    }
    outcome.counts.withdrawals += 1
    ambushAtOnce()
    if fault != .ignoresSteering { kernel.datagramSteering = .current }
    ambush()
  }

  /// An RCU grace period: it ends after whatever was being processed when it began, and some time later.
  mutating func barrier(_ query: Query) {
    var end = now
    if fault != .barrierEndsAtOnce {
      for connection in kernel.connections where connection.phase == .synInProcess && !connection.isPreempted {
        end = max(end, connection.processedAt)
      }
    }
    let isLong = random.chance(20)
    let rest = random.spread(isLong ? millisecond...30 * millisecond : microsecond...500 * microsecond)
    agenda.add(.answer(.barrierPassed(query)), at: fault == .barrierEndsAtOnce ? now : end + rest)
  }

  /// accept() on B, connect() to A, and the bytes through us: a new connection as far as A's queue is concerned.
  mutating func relayStrays(_ sockets: Set<Int>) {
    for socket in sockets.sorted() {
      let group = kernel.groups[socket]
      guard let next = group.next else { continue }
      let waiting = kernel.listeners[next].queue
      let count = random.chance(settings.partialRelayPercent) ? random.below(waiting.count + 1) : waiting.count
      for id in waiting.prefix(count) { relay(id, to: group.current) }
      kernel.listeners[next].queue.removeFirst(count)
      outcome.counts.relayed += count
    }
    scheduleAccept()
  }

  private mutating func relay(_ id: Int, to listener: Int) {
    move(id, to: listener)
    kernel.change(id, at: now) { $0.isRelayed = true }
    if deathsLeft > 0, extras.chance(30) { add(.managerDies, after: extras.spread(microsecond...100 * millisecond)) }
  }

  private mutating func move(_ id: Int, to listener: Int) {
    kernel.change(id, at: now) { $0.listener = listener }
    kernel.listeners[listener].queue.append(id)
  }

  mutating func closeNext() {
    let migrates = settings.configuration.canMigrate && fault != .doesNotMigrate
    var strays = 0
    for socket in kernel.groups.indices {
      guard let next = kernel.groups[socket].next else { continue }
      let current = kernel.groups[socket].current
      let canMove = migrates && kernel.listeners[current].isListening && kernel.listeners[next].kind == .tcp
      // Where the service has shut its own listener down there is nothing to move to.
      let isExcused = !kernel.listeners[current].isListening
      for id in kernel.listeners[next].queue {
        strays += 1
        if canMove {
          outcome.counts.migrated += 1
          move(id, to: current)
        } else {
          let isExcused = isExcused || self.isExcused(kernel.connections[id])
          lose(id, isExcused: isExcused, "in the next socket's queue when that was closed")
        }
      }
      kernel.listeners[next].queue = []
      for id in kernel.connections.indices
      where kernel.connections[id].listener == next && kernel.connections[id].phase == .handshaking {
        // Even where the kernel moves it: an ACK that has found the socket listening and comes to its queue when it no
        // longer does is dropped, and the client reset.
        lose(id, isExcused: isExcused, "its handshake was with the next socket when that was closed")
      }
      kernel.listeners[next].isClosed = true
      kernel.groups[socket].next = nil
    }
    add(.answer(.nextClosed(strays: strays)), after: answerDelay())
    scheduleAccept()
  }

  mutating func swap() {
    ambush()
    for socket in kernel.groups.indices {
      guard let next = kernel.groups[socket].next else { continue }
      let old = kernel.groups[socket].current
      if isUnix(kernel.listeners[old].kind), fault != .dropsLeftovers { relayLeftovers(from: old, to: next) }
      closeCurrent(old)
      kernel.groups[socket].current = next
      kernel.groups[socket].next = nil
    }
    kernel.steering = .current
    kernel.datagramSteering = .current
    kernel.hasReceived = false
    scheduleReadable()
  }

  /// Clients who were preempted in connect().
  private mutating func relayLeftovers(from old: Int, to next: Int) {
    outcome.counts.leftovers += kernel.listeners[old].queue.count
    for id in kernel.listeners[old].queue { relay(id, to: next) }
    kernel.listeners[old].queue = []
  }

  private mutating func closeCurrent(_ listener: Int) {
    for id in kernel.listeners[listener].queue {
      let connection = kernel.connections[id]
      // A unix client that came late is relayed; a datagram can't be.
      lose(
        id, isExcused: connection.kind == .datagram && isExcused(connection),
        "in the current socket's queue when that was closed")
    }
    for id in kernel.connections.indices
    where kernel.connections[id].listener == listener && kernel.connections[id].phase == .handshaking {
      lose(id, isExcused: false, "its handshake was with the current socket when that was closed")
    }
    // A datagram on its way to it: excused as one that has got there is.
    for id in kernel.connections.indices
    where kernel.connections[id].listener == listener && kernel.connections[id].phase == .synInProcess
      && kernel.connections[id].kind == .datagram && isExcused(kernel.connections[id])
    {
      lose(id, isExcused: true, "")
    }
    kernel.listeners[listener].queue = []
    kernel.listeners[listener].isClosed = true
  }

  mutating func listenAgain() {
    for group in kernel.groups where !group.isAbandoned { kernel.listeners[group.current].isListening = true }
  }

  mutating func abandon(_ sockets: Set<Int>) {
    outcome.counts.abandonedSockets += sockets.count
    checkAbandoning()
    for socket in sockets.sorted() {
      kernel.groups[socket].isAbandoned = true
      let listener = kernel.groups[socket].current
      kernel.listeners[listener].isClosed = true
      kernel.listeners[listener].queue = []
      for id in kernel.connections.indices where kernel.connections[id].socket == socket {
        switch kernel.connections[id].phase {
        case .synInProcess, .handshaking, .queued: end(id, .refused)
        case .away, .limbo, .inHand, .gone: break
        }
      }
    }
  }
}
