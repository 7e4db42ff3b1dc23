import Lifecycle
import Linux

/// How a service that is relayed to carries the actions out: where new connections go is what we accept.
extension Service {
  /// Makes the front of a service that binds an address of its own; nil for all others.
  static func makeFront(
    _ options: ServiceOptions, relays: ServiceRelays, loop: EventLoop, sockets: @escaping () -> [any HeldSocket]
  ) throws(ServiceError) -> RelayFront? {
    guard let target = options.relayTarget else { return nil }
    if target.isHeld(by: sockets()) {
      throw ServiceError("torpor itself holds \(target): the service has to bind another address for --to", exitCode: 2)
    }
    return RelayFront(target, header: options.proxyProtocol, relays: relays.tcp, loop: loop, sockets: sockets)
  }

  func connect(_ front: RelayFront) {
    front.onReached = { [weak self] in self?.post(.notifiedReady) }
    front.onClosed = { [weak self] in self?.post(.connectionClosed) }
    front.onWarning = { [weak self] in self?.narrator.warn($0) }
    front.isIgnored = { [weak self] in self?.options.watch.ignores($0) ?? false }
  }

  /// After each event: whoever comes is accepted while the service runs, and waits else.
  func updateFront() {
    guard let front else { return }
    switch lifecycle.state {
    case .running, .returning: front.setOpen(true)
    case .dormant, .starting, .draining, .freezing, .frozen, .stopping, .backingOff, .ended: front.setOpen(false)
    }
    if case .starting = lifecycle.state { return }
    front.endStart()
  }

  /// Returns whether that was all.
  func carryOut(_ action: Action, with front: RelayFront) -> Bool {
    switch action {
    case .arm:
      for socket in sockets { socket.watch(for: .connections) }
      // Those that could not be connected to the last instance are in no queue any more.
      if front.pendingCount > 0 { post(.connectionWaiting) }
    case .recordCloses, .forgetCloses: front.tellsCloses = false
    case .watchCloses: front.tellsCloses = true
    case .readQueues(let query): post(.queuesRead(query, queueLengths(front)))
    case .sample(let query): sample(query, front)
    case .openNext: post(.nextOpened)
    case .steer(.next): front.isSteeredAway = true
    case .steer(.current): front.isSteeredAway = false
    // We are the only ones to accept, and don't at this moment.
    case .barrier(let query): post(.barrierPassed(query))
    case .closeNext: post(.nextClosed(strays: 0))
    case .swap:
      front.isSteeredAway = false
      endInstance()
    case .commitDatagrams, .withdrawDatagrams, .relayStrays, .listenAgain, .relayUnbound, .abandon: break
    case .report(.serving):
      // Before anything is told: clients wait for it.
      front.setOpen(true)
      return false
    case .report(.failed(.startTimedOut, _, _)):
      context.unreachable = "\(front.target)" + (front.lastFailure.map { " (\($0))" } ?? "")
      return false
    case .disarm, .spawn, .followSuccessor, .terminateMain, .abortMain, .terminateAll, .killAll, .freeze, .thaw,
      .holdConnections,
      .releaseConnections, .releaseMemory, .report, .finish:
      return false
    }
    return true
  }

  private func queueLengths(_ front: RelayFront) -> QueueLengths {
    // Steered away, it is the next instance's queue, though the socket is the same; those in our hands are nobody's yet.
    QueueLengths(current: front.pendingCount + (front.isSteeredAway ? 0 : waitingCount))
  }

  /// Of a unix socket it can be told that somebody waits, and not how many.
  private var waitingCount: Int {
    tcpSockets.reduce(0) { $0 + $1.group.current.acceptQueueLength() }
      + signalledSockets.count { $0.hasUnread }
  }

  /// What the kernel lists as accepted is accepted by us; and handshakes end in a queue that is ours, whenever they do.
  private func sample(_ query: Query, _ front: RelayFront) {
    // Whose connection it is that wakes the service is to be told; else that there is one is enough.
    look(query, includingUnix: isWakingUntold) { [weak self] listed in self?.sample(listed, front) ?? Sample() }
  }

  private func sample(_ listed: Sample, _ front: RelayFront) -> Sample {
    var listed = listed
    for socket in signalledSockets where socket.hasUnread {
      listed.queuedOnCurrent.insert(UInt64.max - UInt64(socket.index))
    }
    var sample = Sample()
    sample.accepted = front.openCount(listed: listed.accepted)
    sample.lastUse = listed.lastUse
    sample.hasClosed = front.takeClosed()
    let waiting = listed.queuedOnCurrent.union(listed.queuedOnNext)
    if front.isSteeredAway { sample.queuedOnNext = waiting } else { sample.queuedOnCurrent = waiting }
    sample.queuedOnCurrent.formUnion(front.pendingCookies)
    sample.acceptQueueLength = front.pendingCount + waitingCount
    return sample
  }
}
