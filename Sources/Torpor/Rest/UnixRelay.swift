import Linux

/// One connection to a unix path that we accepted ourselves, passed on to the service message by message until both sides are
/// done. Descriptors that are sent along (SCM_RIGHTS) are passed on, too.
///
/// The service sees the client's credentials and not ours: else whoever got here would be root to a server that trusts the
/// kernel's word (SO_PEERCRED), as PostgreSQL's peer authentication does.
final class UnixRelay {
  private final class Direction {
    var message = UnixMessage()
    var isEnded = false
  }

  private let client: UnixSocket
  private let service: UnixSocket
  private let peer: UnixSocket.Peer
  let target: HeldUnixSocket
  private let upward = Direction()
  private let downward = Direction()
  private let loop: EventLoop
  private let clientEnd: UnixRelayEnd
  private let serviceEnd: UnixRelayEnd
  private var onEnd: ((UnixRelay) -> Void)?

  /// Why a client can't be relayed.
  enum Obstacle: Error, Equatable {
    /// It would be somebody else to the service.
    case identity(user: UInt32)
    case kernel(Errno)
  }

  /// Takes an accepted connection. `service`: a new socket.
  init(
    _ client: consuming UnixSocket, _ service: consuming UnixSocket, to target: HeldUnixSocket, loop: EventLoop,
    user: UInt32 = Account.effectiveUser, onEnd: @escaping (UnixRelay) -> Void
  ) throws(Obstacle) {
    let peer: UnixSocket.Peer
    do throws(Errno) { peer = try client.peer() } catch { throw .kernel(error) }
    guard Self.may(user, speakFor: peer) else { throw .identity(user: peer.user) }
    self.client = client
    self.service = service
    self.peer = peer
    self.target = target
    self.loop = loop
    clientEnd = UnixRelayEnd(loop: loop)
    serviceEnd = UnixRelayEnd(loop: loop)
    self.onEnd = onEnd
  }

  /// Root takes on whatever identity is needed.
  static func may(_ user: UInt32, speakFor peer: UnixSocket.Peer) -> Bool { user == 0 || peer.user == user }

  /// Whether it is under way; else the service's queue is full. Throws when there is nothing to connect to.
  func begin() throws(Errno) -> Bool {
    guard try connect() else { return false }
    try start()
    return true
  }

  /// Whether it is connected; else the queue is full.
  private func connect() throws(Errno) -> Bool {
    // By the file itself: the path may lead elsewhere, or nowhere, by now.
    let file = try target.group.openCurrentFile()
    guard let address = target.relayTarget ?? UnixAddress(path: "/proc/self/fd/\(file.number)") else { return false }
    do throws(Errno) {
      if Account.effectiveUser == 0 {
        try service.connect(to: address, as: peer)
      } else {
        try service.connect(to: address)
      }
      return true
    } catch {
      if error == .again { return false }
      throw error
    }
  }

  private func start() throws(Errno) {
    clientEnd.onEvent = { [weak self] in self?.move() }
    serviceEnd.onEvent = { [weak self] in self?.move() }
    try clientEnd.watch(client.descriptor, for: [])
    try serviceEnd.watch(service.descriptor, for: [])
    move()
  }

  private func move() {
    do throws(Errno) {
      // Root may speak for the client; others are the client's user themselves.
      try Self.move(from: client, to: service, by: upward, as: Account.effectiveUser == 0 ? peer : nil)
      try Self.move(from: service, to: client, by: downward, as: nil)
    } catch { return end() }
    if upward.isEnded, downward.isEnded { return end() }
    // What one side had to say has been passed on, and it can be told nothing more.
    if serviceEnd.isHungUp && downward.isEnded || clientEnd.isHungUp && upward.isEnded { return end() }
    do throws(Errno) { try watch() } catch { end() }
  }

  private static func move(
    from source: borrowing UnixSocket, to target: borrowing UnixSocket, by direction: Direction,
    as peer: UnixSocket.Peer?
  ) throws(Errno) {
    // Bounded: the rest of a fast stream comes with the next event.
    for _ in 0..<16 where !direction.isEnded {
      do throws(Errno) {
        if !direction.message.isSent {
          try direction.message.send(by: target, as: peer)
        } else if try direction.message.receive(from: source) == 0 {
          direction.isEnded = true
          // A half-closed connection stays one: the other direction may have an answer to bring.
          target.shutDownWriting()
        }
      } catch {
        if error == .again { return }
        throw error
      }
    }
  }

  private func watch() throws(Errno) {
    var ofClient: Readiness = []
    var ofService: Readiness = []
    if !upward.isEnded {
      if upward.message.isSent { ofClient.insert(.readable) } else { ofService.insert(.writable) }
    }
    if !downward.isEnded {
      if downward.message.isSent { ofService.insert(.readable) } else { ofClient.insert(.writable) }
    }
    try clientEnd.watch(client.descriptor, for: ofClient)
    try serviceEnd.watch(service.descriptor, for: ofService)
  }

  private func end() {
    clientEnd.unwatch(client.descriptor)
    serviceEnd.unwatch(service.descriptor)
    let onEnd = onEnd
    self.onEnd = nil
    // The caller lets go of us, which closes both.
    onEnd?(self)
  }
}
