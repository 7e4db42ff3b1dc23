import Lifecycle
import Linux

/// Sees the connections of the held sockets: those accepted, those that wait, those that have closed.
///
/// sock_diag tells an accepted connection by its inode; one without is in an accept queue, or has just been taken from it by
/// accept() and not been given a file yet. The latter is in nobody's queue and not accepted either. It is told by its
/// generation mark: the mark of the listener that it came in by, which connections inherit.
final class ConnectionSense {
  private var diag: SockDiag
  private var closes: DestroyedSockets?
  private var closesToken: EventLoop.Token?
  private let loop: EventLoop
  /// Closes should be recorded and can't be: then any number may have been missed.
  private var isBlind = false
  /// Connections that the service has closed and the kernel still ends: their end is no news.
  private var orphans: Set<UInt64> = []
  /// Those that waited at the last sample, by arrival as far as the kernel keeps it.
  private(set) var waiting: [TCPConnection] = []
  var onClose: (() -> Void)?

  init(loop: EventLoop) throws(Errno) {
    self.loop = loop
    diag = try SockDiag()
  }

  /// Begins to record closes, or goes on to without telling.
  func recordCloses(ports: Set<UInt16>) throws(Errno) {
    if closes == nil {
      isBlind = true
      closes = try DestroyedSockets(localPorts: ports.sorted())
      isBlind = false
      orphans = []
    }
    stopTelling()
  }

  /// Tells with `onClose` as soon as there is one.
  func watchCloses() throws(Errno) {
    guard closesToken == nil, closes != nil else { return }
    try withCloses { closes throws(Errno) in
      closesToken = try loop.add(closes.descriptor, for: .readable) { [weak self] _ in self?.handleClose() }
    }
  }

  func forgetCloses() {
    stopTelling()
    isBlind = false
    closes = nil
    orphans = []
  }

  private func withCloses(_ body: (borrowing DestroyedSockets) throws(Errno) -> Void) throws(Errno) {
    switch closes {
    case .some(let closes): try body(closes)
    case .none: break
    }
  }

  private func stopTelling() {
    guard let token = closesToken else { return }
    closesToken = nil
    try? withCloses { closes in loop.remove(token, closes.descriptor) }
  }

  private var heldSockets: [HeldTCPSocket] = []

  private func handleClose() {
    // A close that isn't the service's doing must not wake anything: those of known orphans and of listeners.
    if takeCloses(heldSockets) { onClose?() }
  }

  /// Whether a connection was closed that the service may have had in hand.
  private func takeCloses(_ sockets: [HeldTCPSocket]) -> Bool {
    guard let taken = closes?.take() else { return isBlind }
    return taken.wasLossy
      || taken.closed.contains { closed in
        // A listener has no peer.
        closed.remote.port != 0 && !orphans.contains(closed.cookie) && Self.holder(of: closed, among: sockets) != nil
      }
  }

  /// Looks at everything once.
  func sample(_ sockets: [HeldTCPSocket]) throws(SockDiagError) -> Sample {
    heldSockets = sockets
    var sample = Sample()
    var seenOrphans: Set<UInt64> = []
    waiting = []
    for family in [SocketAddress.Family.v4, .v6] {
      for port in Set(sockets.filter { $0.address.family == family }.map(\.address.port)) {
        for connection in try diag.connections(family, localPort: port) {
          guard let holder = Self.holder(of: connection, among: sockets) else { continue }
          count(connection, of: holder, in: &sample, orphans: &seenOrphans)
        }
      }
    }
    // Closes are taken after the dump: one that was still open in it and has closed since is told by the event.
    sample.hasClosed = takeCloses(sockets) || !seenOrphans.isSubset(of: orphans)
    orphans = seenOrphans
    return sample
  }

  /// Sockets that listen on exactly this address, whoever's they are.
  func listenerCount(_ address: SocketAddress) throws(SockDiagError) -> Int {
    try diag.listeners(address.family, port: address.port).count { $0.local == address }
  }

  private func count(
    _ connection: TCPConnection, of holder: HeldTCPSocket, in sample: inout Sample, orphans: inout Set<UInt64>
  ) {
    switch connection.state {
    case .synReceived, .newSynReceived:
      sample.handshakes.insert(connection.cookie)
    case _ where connection.inode != 0:
      sample.accepted += 1
    case .established, .closeWait:
      waiting.append(connection)
      // Before Linux 5.10 there is no mark to see; the order of the drain's steps then has to do without it.
      if let next = holder.group.nextMark, connection.generationMark ?? next == next {
        sample.queuedOnNext.insert(connection.cookie)
      } else {
        sample.queuedOnCurrent.insert(connection.cookie)
      }
    case .finWait1, .finWait2, .closing, .lastAck:
      orphans.insert(connection.cookie)
    case .synSent, .timeWait, .close, .listen:
      break
    }
  }

  /// Which held socket a connection belongs to: others may have the same port at another address.
  static func holder(of connection: TCPConnection, among sockets: [HeldTCPSocket]) -> HeldTCPSocket? {
    sockets.first { $0.address == connection.local }
      ?? sockets.first {
        $0.address.isAny && $0.address.port == connection.local.port && $0.address.family == connection.local.family
      }
  }
}
