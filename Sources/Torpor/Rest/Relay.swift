import Linux

/// One connection that we accepted ourselves, passed on to the service's address byte for byte, until both sides are done.
///
/// For the few that could not be handed back by the kernel, and for an address that the service's wildcard covers.
final class Relay {
  /// One direction. Bytes pass through a pipe and never through our memory.
  private final class Direction {
    var pipe: SplicePipe
    var isEnded = false
    init() throws(Errno) { pipe = try SplicePipe() }
  }

  private let client: TCPSocket
  private let service: TCPSocket
  private let upward: Direction
  private let downward: Direction
  private let loop: EventLoop
  private var clientToken: EventLoop.Token?
  private var serviceToken: EventLoop.Token?
  private var isConnecting: Bool
  private var onEnd: ((Relay) -> Void)?

  /// All that a relay needs is had before the connection is accepted: what can't be served stays in the queue.
  /// Returns nil when the queue is empty.
  static func accept(
    from listener: borrowing TCPSocket, to target: SocketAddress, loop: EventLoop, onEnd: @escaping (Relay) -> Void
  ) throws(Errno) -> Relay? {
    let service = try TCPSocket(target.family)
    let upward = try Direction()
    let downward = try Direction()
    // The listener is shared with the service when it is the current one; ours alone when it is the next.
    let flags = try listener.descriptor.statusFlags()
    try listener.descriptor.setNonBlocking(true)
    defer { try? listener.descriptor.setStatusFlags(flags) }
    guard let client = try listener.accept() else { return nil }
    let isConnected = try service.connect(to: target)
    let relay = Relay(client, service, upward, downward, isConnecting: !isConnected, loop: loop, onEnd: onEnd)
    try relay.begin()
    return relay
  }

  private init(
    _ client: consuming TCPSocket, _ service: consuming TCPSocket, _ upward: Direction, _ downward: Direction,
    isConnecting: Bool, loop: EventLoop, onEnd: @escaping (Relay) -> Void
  ) {
    self.client = client
    self.service = service
    self.upward = upward
    self.downward = downward
    self.isConnecting = isConnecting
    self.loop = loop
    self.onEnd = onEnd
  }

  private func begin() throws(Errno) {
    clientToken = try loop.add(client.descriptor, for: []) { [weak self] _ in self?.move() }
    serviceToken = try loop.add(service.descriptor, for: .writable) { [weak self] _ in self?.move() }
    if !isConnecting { move() }
  }

  private func move() {
    if isConnecting {
      if service.pendingError() != nil { return end() }
      isConnecting = false
    }
    do throws(Errno) {
      try Self.move(from: client, to: service, by: upward)
      try Self.move(from: service, to: client, by: downward)
    } catch { return end() }
    if upward.isEnded, downward.isEnded { return end() }
    watch()
  }

  private static func move(
    from source: borrowing TCPSocket, to target: borrowing TCPSocket, by direction: Direction
  ) throws(Errno) {
    // Bounded: the rest of a fast stream comes with the next event.
    for _ in 0..<16 where !direction.isEnded {
      do throws(Errno) {
        if direction.pipe.held > 0 {
          try direction.pipe.drain(to: target.descriptor)
        } else if try direction.pipe.fill(from: source.descriptor) == 0 {
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

  private func watch() {
    var ofClient: Readiness = []
    var ofService: Readiness = []
    if !upward.isEnded {
      if upward.pipe.held > 0 { ofService.insert(.writable) } else { ofClient.insert(.readable) }
    }
    if !downward.isEnded {
      if downward.pipe.held > 0 { ofClient.insert(.writable) } else { ofService.insert(.readable) }
    }
    if let clientToken { loop.change(clientToken, client.descriptor, to: ofClient) }
    if let serviceToken { loop.change(serviceToken, service.descriptor, to: ofService) }
  }

  private func end() {
    if let clientToken { loop.remove(clientToken, client.descriptor) }
    if let serviceToken { loop.remove(serviceToken, service.descriptor) }
    clientToken = nil
    serviceToken = nil
    let onEnd = onEnd
    self.onEnd = nil
    // The caller lets go of us, which closes both.
    onEnd?(self)
  }
}

/// The relays under way.
final class Relays {
  private var open: [ObjectIdentifier: Relay] = [:]
  private let loop: EventLoop
  /// One has ended: there are descriptors for another.
  var onEnd: (() -> Void)?

  init(loop: EventLoop) { self.loop = loop }

  /// How many there have been.
  private(set) var begun = 0

  /// Accepts everything that waits on `listener` and relays it to `target`. Throws when one had to be left there.
  func take(from listener: borrowing TCPSocket, to target: SocketAddress) throws(Errno) {
    // Bounded by the longest queue there can be.
    for _ in 0..<ReuseportGroup.backlog {
      let relay = try Relay.accept(from: listener, to: target, loop: loop) { [weak self] relay in
        self?.open[ObjectIdentifier(relay)] = nil
        self?.onEnd?()
      }
      guard let relay else { return }
      open[ObjectIdentifier(relay)] = relay
      begun += 1
    }
  }
}
