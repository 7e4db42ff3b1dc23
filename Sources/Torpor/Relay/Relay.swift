import Linux

/// One connection that we accepted ourselves, passed on to a service's address byte for byte, until both sides are done.
///
/// It ends when both directions have, as two halves or as one; there is no time limit on it. When one side resets, the other is
/// reset, once it has got what was sent before.
final class Relay {
  enum Phase {
    /// The service could not be reached; another try is due.
    case waiting(until: UInt64)
    case connecting
    case open
    /// One side has died; the other is told when it has acknowledged what it was sent, or no longer does.
    case resetting(survivor: RelayEnd, Farewell)
    case ended
  }

  /// What a relay needs before its connection is accepted: what can't be served stays in the queue.
  struct Parts {
    let service: RelayEnd
    let upward: RelayStream
    let downward: RelayStream

    /// `service`: one that is connected already.
    init(_ target: RelayTarget, service: RelayEnd?) throws(Errno) {
      self.service = if let service { service } else { try target.makeEnd() }
      upward = try RelayStream()
      downward = try RelayStream()
    }
  }

  let target: RelayTarget
  let clientAddress: SocketAddress?
  let client: RelayEnd
  var service: RelayEnd
  private let upward: RelayStream
  private let downward: RelayStream
  /// What the service has to get before the client's first byte.
  private var header: ArraySlice<UInt8>
  var phase: Phase
  let loop: EventLoop
  /// When to give up reaching the service; nil: never.
  let giveUpAt: UInt64?
  var retry = ConnectRetry()
  /// The service could not be reached, and has not been since.
  var hasFailed = false
  unowned let owner: Relays

  init(
    _ connection: consuming AcceptedConnection, _ parts: Parts, to target: RelayTarget, header: ProxyProtocol?,
    giveUpAt: UInt64?, loop: EventLoop, owner: Relays
  ) {
    clientAddress = connection.client
    client = RelayEnd(connection.takeSocket())
    if let header {
      let destination = try? client.socket.localAddress()
      self.header = header.header(client: clientAddress, destination: destination)[...]
    } else {
      self.header = []
    }
    service = parts.service
    upward = parts.upward
    downward = parts.downward
    self.target = target
    self.giveUpAt = giveUpAt
    self.loop = loop
    self.owner = owner
    phase = .waiting(until: 0)
  }

  /// `isConnected`: the service's end is.
  func begin(isConnected: Bool) throws(Errno) {
    client.socket.setUpForRelay()
    client.socket.forgetInheritedOptions()
    try client.watch(loop) { [weak self] in self?.clientEvent($0) }
    if isConnected {
      try watchService()
      open()
    } else {
      connect()
    }
  }

  var isOpen: Bool {
    switch phase {
    case .open, .resetting: true
    case .waiting, .connecting, .ended: false
    }
  }

  // MARK: passing bytes on

  func clientEvent(_ readiness: Readiness) {
    client.note(readiness)
    switch phase {
    case .open:
      move()
      if readiness.contains(.error) { die(client, upward, downward) }
    case .waiting, .connecting:
      // Nobody is there any more to be served.
      if readiness.contains(.error) { end() }
    case .resetting, .ended: break
    }
  }

  func serviceEvent(_ readiness: Readiness) {
    service.note(readiness)
    switch phase {
    case .connecting: if !readiness.isDisjoint(with: [.writable, .error, .hangUp]) { connectEnded() }
    case .open:
      move()
      if readiness.contains(.error) { die(service, downward, upward) }
    case .waiting, .resetting, .ended: break
    }
  }

  /// An error on an end that nobody reads or writes at the moment would be met by no call. Where there is more to read before
  /// it, reading meets it.
  private func die(_ end: RelayEnd, _ outgoing: RelayStream, _ incoming: RelayStream) {
    guard case .open = phase, outgoing.isOver else { return }
    end.isDead = true
    incoming.giveUp()
    finishIfOver()
  }

  func move() {
    guard sendHeader() else { return finishIfOver() }
    let hasMoreUp = run(upward, from: client, to: service, opposite: downward)
    let hasMoreDown = run(downward, from: service, to: client, opposite: upward)
    finishIfOver()
    guard hasMoreUp || hasMoreDown, case .open = phase else { return }
    client.tellAgain(loop)
    service.tellAgain(loop)
  }

  private func run(
    _ stream: RelayStream, from source: RelayEnd, to target: RelayEnd, opposite: RelayStream
  ) -> Bool {
    switch stream.move(from: source, to: target) {
    case .waits: return false
    case .hasMore: return true
    case .sourceFailed:
      // All that it had sent before has been passed on.
      source.isDead = true
      stream.giveUp()
      opposite.giveUp()
      return false
    case .targetFailed:
      // What it has sent may still be read.
      target.isDead = true
      stream.giveUp()
      return false
    }
  }

  /// Returns whether all of it is on its way.
  private func sendHeader() -> Bool {
    while !header.isEmpty, service.isWritable {
      do throws(Errno) { header = header.dropFirst(try service.socket.descriptor.write(Array(header))) } catch {
        if error == .again {
          service.isWritable = false
        } else {
          service.isDead = true
          upward.giveUp()
          downward.giveUp()
          return false
        }
      }
    }
    return header.isEmpty
  }

  // MARK: ending

  private var isLast = false

  /// Nothing that the client still has to say can be of use: what the service has said is passed on, and that's all.
  func finish() {
    isLast = true
    guard isOpen else { return abort() }
    finishIfOver()
  }

  private func finishIfOver() {
    guard case .open = phase else { return }
    // Who has said all and is gone takes nothing any more.
    if client.isHungUp, upward.isOver { downward.giveUp() }
    guard downward.isOver else { return }
    if service.isHungUp { upward.giveUp() }
    if !upward.isOver { service.askSooner() }
    guard upward.isOver else { return isLast ? end() : () }
    guard client.isDead != service.isDead else { return end() }
    let survivor = client.isDead ? service : client
    client.unwatch(loop)
    service.unwatch(loop)
    phase = .resetting(survivor: survivor, Farewell())
    lookAtSurvivor(MonotonicClock.now())
  }

  private func lookAtSurvivor(_ now: UInt64) {
    guard case .resetting(let survivor, var farewell) = phase else { return }
    guard farewell.waits(forUnsent: survivor.socket.unsentBytes, at: now) else {
      survivor.socket.resetOnClose()
      return end()
    }
    phase = .resetting(survivor: survivor, farewell)
    owner.timesChanged(of: self)
  }

  func end() {
    client.unwatch(loop)
    service.unwatch(loop)
    let wasOpen = isOpen
    phase = .ended
    // The caller lets go of us, which closes both.
    owner.ended(self, wasOpen: wasOpen)
  }

  // MARK: time

  /// When it wants to be called; nil: never, as long as it is open.
  var due: UInt64? {
    switch phase {
    case .waiting(let until): until
    case .connecting: giveUpAt
    case .resetting(_, let farewell): farewell.lookAt
    case .open, .ended: nil
    }
  }

  func timePassed(_ now: UInt64) {
    guard let due, due <= now else { return }
    switch phase {
    case .waiting: tryAgain()
    case .connecting: giveUp(Errno.timedOut)
    case .resetting: lookAtSurvivor(now)
    case .open, .ended: break
    }
  }
}
