import Linux

/// The front of a service that is given no socket: it binds an address of its own, and we accept for it.
///
/// All that comes to the service comes through here. So a rest has no race to win: while nothing is accepted and no relay is
/// open, the service has nothing in hand.
final class RelayFront {
  let target: RelayTarget
  private let header: ProxyProtocol?
  private let relays: Relays
  private let probe: ReachProbe
  private let sockets: () -> [any HeldSocket]
  /// Connections are accepted.
  private(set) var isOpen = false
  /// What waits will be the next instance's.
  var isSteeredAway = false
  /// A relay's end is told at once, by `onClosed`, and not with the next look.
  var tellsCloses = false
  private var hasClosed = false
  /// Relays that this instance of the service has taken.
  private var current: Set<ObjectIdentifier> = []
  /// Those of them whose clients don't count.
  private var ignored: Set<ObjectIdentifier> = []
  var isIgnored: (SocketAddress) -> Bool = { _ in false }
  /// There was no descriptor for another.
  private var isShort = false
  /// It is open, and accepts nobody for the moment.
  private var isPaused = false
  /// The connection that showed that the service serves.
  private var firstEnd: RelayEnd?
  var onReached: (() -> Void)?
  var onClosed: (() -> Void)?
  var onWarning: ((String) -> Void)?

  /// Accepted in one turn of the loop.
  private static let acceptsMax = 64

  init(
    _ target: RelayTarget, header: ProxyProtocol?, relays: Relays, loop: EventLoop,
    sockets: @escaping () -> [any HeldSocket]
  ) {
    self.target = target
    self.header = header
    self.relays = relays
    self.sockets = sockets
    probe = ReachProbe(target, loop: loop)
    relays.onOpened = { [weak self] in self?.opened($0) }
    relays.onClosed = { [weak self] in self?.closed($0) }
    probe.onReached = { [weak self] end in
      self?.firstEnd = end
      self?.onReached?()
    }
  }

  // MARK: an instance

  /// A new one has been started. `asks`: whether its address is asked, or its own word is waited for.
  func begin(asks: Bool) {
    for socket in sockets() { try? socket.setNonBlocking(true) }
    current = []
    ignored = []
    hasClosed = false
    firstEnd = nil
    if asks { probe.begin() }
  }

  /// The start is over, one way or another.
  func endStart() { probe.end() }

  /// Why it could not be reached.
  var lastFailure: Errno? { relays.lastFailure ?? probe.lastFailure }

  // MARK: accepting

  /// Accepts from here on, or leaves whoever comes in the queue.
  func setOpen(_ wanted: Bool) {
    guard wanted != isOpen else { return }
    isOpen = wanted
    if wanted {
      isShort = false
      if relays.retryNow(by: target.isEveryConnectionAlike ? firstEnd : nil) { firstEnd = nil }
      for socket in sockets() { accept(from: socket) }
    } else {
      relays.pause()
    }
    // Where nobody waited it has done its duty.
    firstEnd = nil
    watch()
  }

  /// Whoever can't be connected shows that the service can't be reached now: the others are safer in the queue, where the next
  /// instance finds them.
  private var isAccepting: Bool { isOpen && !isShort && !relays.hasFailed }

  private func watch() {
    isPaused = isOpen && !isAccepting
    for socket in sockets() { socket.watch(for: isAccepting ? .connections : .shutDownOnly) }
  }

  func accept(from socket: any HeldSocket) {
    guard isAccepting else { return watch() }
    // Made as ourselves: a client of a path has its own made.
    let end = target.isEveryConnectionAlike || socket.kind == .tcp ? firstEnd : nil
    if end != nil { firstEnd = nil }
    do throws(Errno) {
      try socket.withCurrent { listener throws(Errno) in
        try relays.take(from: listener, to: target, header: header, limit: Self.acceptsMax, connected: end)
      }
    } catch {
      isShort = true
      onWarning?("connections to \(socket.name) have to wait: \(error)")
    }
    if !isAccepting { watch() }
  }

  /// There may be descriptors again for those who have to wait.
  func resume() {
    guard isPaused else { return }
    isShort = false
    if isAccepting { watch() }
  }

  private func opened(_ relay: Relay) {
    current.insert(ObjectIdentifier(relay))
    if let client = relay.clientAddress, isIgnored(client) { ignored.insert(ObjectIdentifier(relay)) }
  }

  private func closed(_ relay: Relay) {
    // One that an earlier instance has left says nothing of this one.
    guard current.remove(ObjectIdentifier(relay)) != nil, ignored.remove(ObjectIdentifier(relay)) == nil else { return }
    hasClosed = true
    if tellsCloses { onClosed?() }
  }

  // MARK: what is to be known

  /// `listed`: those that count among all connections to the held addresses, whose clients' traffic the kernel knows.
  func openCount(listed: Int) -> Int {
    ignored.isEmpty ? current.count : min(current.count, max(current.count - ignored.count, listed))
  }

  func takeClosed() -> Bool {
    defer { hasClosed = false }
    return hasClosed
  }

  /// Accepted by us, and in no service's hands: they wait as much as those in the queue.
  var pendingCookies: Set<UInt64> { Set(relays.pending.compactMap { $0.client.socket.cookie }) }
  var pendingCount: Int { relays.pending.count }
}
