import Lifecycle

// Clients and the kernel's side of their connections.

extension World {
  mutating func addClient(at time: UInt64) { agenda.add(.synArrives(newClient()), at: time) }

  /// Somebody's SYN comes between two actions.
  mutating func ambushAtOnce() {
    guard ambushesLeft > 0, extras.chance(settings.ambushAtOncePercent) else { return }
    ambushesLeft -= 1
    synArrives(newClient())
  }

  private mutating func newClient() -> Int {
    let span = idleTimeout ?? 5 * second
    let socket = random.below(settings.configuration.sockets.count)
    var connection = Connection(socket: socket, kind: settings.configuration.sockets[socket])
    connection.isVanishing = random.chance(settings.vanishingPercent) && connection.kind == .tcp
    if random.chance(15) { connection.patience = random.spread(20 * microsecond...2 * second) }
    let isBrief = random.chance(80)
    connection.holdTime = random.spread(isBrief ? microsecond...100 * millisecond : microsecond...2 * span)
    if settings.configuration.allowsSilence, connection.kind != .datagram {
      for _ in 0..<extras.below(4) { connection.silences.append(extras.spread(microsecond...3 * span)) }
      connection.isSilentFirst = extras.chance(20) && !connection.silences.isEmpty
    }
    if settings.ignoredPercent > 0, connection.kind == .tcp {
      connection.isIgnored = extras.chance(settings.ignoredPercent)
    }
    connection.isPreempted = isUnix(connection.kind) && extras.chance(8)
    let id = kernel.add(connection)
    outcome.counts.clients += 1
    return id
  }

  /// More clients come at the moments that matter.
  mutating func ambush() {
    guard ambushesLeft > 0, random.chance(settings.ambushPercent) else { return }
    ambushesLeft -= 1
    addClient(at: now + random.spread(microsecond...5 * millisecond))
  }

  mutating func synArrives(_ id: Int) {
    let connection = kernel.connections[id]
    let group = kernel.groups[connection.socket]
    guard !group.isAbandoned, !hasFinished else { return end(id, .refused) }
    let listener = group.chosen(connection.kind == .datagram ? kernel.datagramSteering : kernel.steering)
    guard kernel.listeners[listener].isListening else { return refuse(id, listener) }
    // A full queue: the client comes again after a second, be it its SYN or its connect() that does.
    if kernel.listeners[listener].queue.count > settings.backlog, connection.kind != .datagram {
      outcome.counts.fullQueues += 1
      return add(.synArrives(id), after: second)
    }
    let isBrief = random.chance(90)
    let duration = random.spread(
      isBrief ? microsecond...50 * microsecond : 10 * microsecond...5 * millisecond)
    let cookie = kernel.newCookie()
    let isLate = connection.isPreempted && group.next != nil
    let end = now + (isLate ? extras.spread(millisecond...400 * millisecond) : duration)
    if isLate { outcome.counts.preempted += 1 }
    kernel.change(id, at: now) {
      $0.phase = .synInProcess
      $0.listener = listener
      $0.cookie = cookie
      $0.processedAt = end
    }
    agenda.add(.synProcessed(id), at: end)
    if let patience = kernel.connections[id].patience { add(.clientGivesUp(id), after: patience) }
    switch lifecycle.state {
    case .draining: outcome.counts.arrivalsInDrain += 1
    case .dormant, .starting, .running, .returning, .freezing, .frozen, .stopping, .backingOff, .ended: break
    }
  }

  mutating func synProcessed(_ id: Int) {
    let connection = kernel.connections[id]
    guard connection.phase == .synInProcess else { return }
    let listener = kernel.listeners[connection.listener]
    guard !listener.isClosed, listener.isListening else {
      // unix_stream_connect() looks the path up again when it finds the socket dead.
      if isUnix(connection.kind), listener.isClosed {
        kernel.change(id, at: now) { $0.phase = .away }
        return synArrives(id)
      }
      return lose(
        id, isExcused: !listener.isClosed || isExcused(connection),
        "its SYN had chosen a listener that was closed meanwhile")
    }
    guard connection.kind == .tcp else { return queue(id) }
    kernel.change(id, at: now) { $0.phase = .handshaking }
    if connection.isVanishing { return add(.handshakeExpires(id), after: settings.handshakeExpiry) }
    let isSlow = random.chance(15)
    let range = isSlow ? millisecond...200 * millisecond : microsecond...500 * microsecond
    add(.handshakeEnds(id), after: random.spread(range))
  }

  mutating func handshakeEnds(_ id: Int) {
    let connection = kernel.connections[id]
    guard connection.phase == .handshaking else { return }
    // The last ACK finds no room: the kernel sends its SYN-ACK again after a second (net.ipv4.tcp_abort_on_overflow=0).
    if kernel.listeners[connection.listener].queue.count > settings.backlog {
      outcome.counts.fullQueues += 1
      return add(.handshakeEnds(id), after: second)
    }
    noteOldHandshake(id)
    queue(id)
  }

  private mutating func queue(_ id: Int) {
    kernel.change(id, at: now) {
      $0.phase = .queued
      $0.queuedAt = now
      $0.lastData = now
    }
    kernel.listeners[kernel.connections[id].listener].queue.append(id)
    scheduleReadable()
    scheduleAccept()
  }

  func isUnix(_ kind: SocketKind) -> Bool {
    switch kind {
    case .unixPath, .fixed: true
    case .tcp, .datagram: false
    }
  }

  mutating func handshakeExpires(_ id: Int) {
    guard kernel.connections[id].phase == .handshaking else { return }
    noteOldHandshake(id)
    end(id, .gaveUp)
  }

  /// A client in no hurry closes with FIN: then its connection stays until it is accepted and closed. One that resets leaves an
  /// entry in the queue that only accept() and the queue's length show.
  mutating func clientGivesUp(_ id: Int) {
    let connection = kernel.connections[id]
    guard !connection.isServed else { return }
    switch connection.phase {
    case .away, .gone: return
    case .synInProcess, .handshaking:
      noteOldHandshake(id)
      end(id, .gaveUp)
    case .queued, .limbo, .inHand:
      // Only TCP can reset.
      let resets = random.chance(50) && connection.kind == .tcp
      kernel.change(id, at: now) {
        $0.isFinished = true
        $0.isReset = resets
        $0.hasUnreadData = true
      }
      scheduleHeldReadable()
      // One that has nothing to answer just closes its end.
      guard settings.configuration.allowsSilence, connection.phase == .inHand else { return }
      add(.closes(connection: id), after: extras.spread(microsecond...millisecond))
    }
  }

  /// A client that keeps its connection asks for something more.
  mutating func clientSends(_ id: Int) {
    let connection = kernel.connections[id]
    guard !connection.isFinished else { return }
    switch connection.phase {
    case .away, .gone, .synInProcess, .handshaking: return
    case .queued, .limbo, .inHand: break
    }
    kernel.carryData(id, at: now)
    kernel.change(id, at: now) {
      $0.hasUnreadData = true
      $0.isServed = false
    }
    outcome.counts.furtherRequests += 1
    if connection.phase == .inHand { add(.reads(connection: id), after: extras.spread(microsecond...millisecond)) }
    scheduleHeldReadable()
  }

  mutating func clientCloses(_ id: Int) {
    guard kernel.connections[id].phase == .inHand else { return }
    let resets = random.chance(10)
    kernel.change(id, at: now) {
      $0.isFinished = true
      $0.isReset = resets && $0.kind == .tcp
      $0.hasUnreadData = true
    }
    scheduleHeldReadable()
    add(.closes(connection: id), after: random.spread(microsecond...millisecond))
  }

  // MARK: ends

  mutating func end(_ id: Int, _ fate: Connection.Fate) {
    kernel.change(id, at: now) {
      $0.phase = .gone
      $0.fate = fate
    }
  }

  /// A connection dies without its client's having wanted that. `isExcused`: the service has seen to it by itself, or was told
  /// to quit, or had failed.
  mutating func lose(_ id: Int, isExcused: Bool, _ reason: @autoclosure () -> String) {
    let hasWaitingClient = kernel.connections[id].hasWaitingClient
    end(id, isExcused || !hasWaitingClient ? .diedWithService : .lost)
    if hasWaitingClient, !isExcused { violate(.noConnectionLost, "connection \(id): \(reason())") }
  }

  /// Nobody listens. That is the service's doing as long as we haven't been told; after that it is ours.
  mutating func refuse(_ id: Int, _ listener: Int) {
    end(id, .refused)
    guard !kernel.listeners[listener].isShutDownUntold, !isManagerDown else { return }
    switch lifecycle.state {
    case .dormant, .starting, .running, .returning, .backingOff:
      violate(.noConnectionLost, "connection \(id): refused, as nobody listened again")
    case .draining, .freezing, .frozen, .stopping, .ended: break
    }
  }
}
