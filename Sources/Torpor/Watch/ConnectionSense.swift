import Lifecycle
import Linux

/// Sees the connections of the held sockets: those accepted, those that wait, those that have closed.
///
/// sock_diag tells an accepted connection by its inode; one without is in an accept queue, or has just been taken from it by
/// accept() and not been given a file yet. The latter is in nobody's queue and not accepted either. It is told by its
/// generation mark: the mark of the listener that it came in by, which connections inherit.
///
/// A look is asked for with `prepare` and taken with `sample`. Between two looks the first close is heard of by `CloseWatch`; while a
/// connection is open, none need be: either it is still open at the next look, or it has closed.
final class ConnectionSense {
  private let tables: SocketTables
  private var sockets: () -> [HeldTCPSocket] = { [] }
  private var isRecording = false
  /// A close is told at once.
  private var isTelling = false
  /// One has closed since the last look, or may have.
  private var hasClosed = false
  /// Some were open at the last look.
  private var hadOpen = false
  /// Connections that the service has closed and the kernel still ends: their end is no news.
  private var orphans: Set<UInt64> = []
  /// Those that waited at the last sample, by arrival as far as the kernel keeps it.
  private(set) var waiting: [TCPConnection] = []
  /// The service's, to which some of the clients may belong.
  var processes: (any ProcessSource)?
  /// Connections from this machine, and whether their client is the service itself.
  private var owned: [UInt64: Bool] = [:]
  /// Of some that isn't known yet: it is asked with the next look.
  private var asksForOwn = false
  /// Short visits from this machine are those of the busy check.
  var disregardsLocalVisits = false
  var onClose: (() -> Void)?

  var options: WatchOptions
  /// When an open connection last carried data counts, and not that it is open.
  var followsTraffic: Bool
  /// When those that were open at the last look had last carried data. The kernel tells it in milliseconds ago, so that the same
  /// moment comes out differently each time.
  private var uses: [UInt64: Instant] = [:]
  private static let clockSlack = Duration.milliseconds(20)

  init(
    tables: SocketTables, options: WatchOptions = WatchOptions(), followsTraffic: Bool = false,
    sockets: @escaping () -> [HeldTCPSocket]
  ) {
    self.tables = tables
    self.options = options
    self.followsTraffic = followsTraffic
    self.sockets = sockets
  }

  // MARK: closes

  /// Begins to record closes, or goes on to without telling.
  func recordCloses() {
    isTelling = false
    if !isRecording {
      isRecording = true
      hasClosed = false
      hadOpen = false
      orphans = []
    }
    awaitClose()
    tables.closes.apply()
  }

  /// Tells with `onClose` as soon as there is one.
  func watchCloses() {
    isTelling = true
    if hasClosed { tell() }
  }

  func forgetCloses() {
    isRecording = false
    isTelling = false
    hasClosed = false
    hadOpen = false
    orphans = []
    tables.closes.forget(self)
  }

  private func awaitClose() {
    guard isRecording, !hasClosed else { return }
    let ports = Set(sockets().map(\.address.port))
    if !ports.isEmpty { tables.closes.add(self, ports: ports) }
  }

  /// Whether the service may have had this connection in hand. The end of one that it has closed itself is no news, and a listener
  /// has no peer.
  func concerns(_ closed: TCPConnection) -> Bool {
    closed.remote.port != 0 && !orphans.contains(closed.cookie) && !options.ignores(closed.remote)
      && !(disregardsLocalVisits && closed.isLocal) && Self.holder(of: closed, among: sockets()) != nil
  }

  /// One that concerns us has closed, or may have.
  func hasHeardOfClose() {
    hasClosed = true
    if isTelling { tell() }
  }

  /// What has been told is not for the next look to tell again.
  private func tell() {
    hasClosed = false
    onClose?()
  }

  // MARK: looking

  /// Before the tables are asked: what is to be asked for. Closes are awaited from before the dump on.
  func prepare(_ question: inout SocketTables.Question) {
    for socket in sockets() {
      question.ports.insert(SocketTables.Port(family: socket.address.family, number: socket.address.port))
    }
    if followsTraffic || !options.ignoredSources.isEmpty { question.includesTraffic = true }
    if asksForOwn, let processes { OwnConnections.ask(&question, of: processes) }
    if isRecording, !sockets().isEmpty {
      tables.closes.add(self, ports: Set(sockets().map(\.address.port)))
    }
  }

  /// What the tables say. `isRunning`: the question is whether it is in use; else, whether it has somebody in hand.
  func sample(_ table: SocketTable, at now: Instant, isRunning: Bool = true) -> Sample {
    let held = sockets()
    var sample = Sample()
    var seenUses: [UInt64: Instant] = [:]
    var seenOrphans: Set<UInt64> = []
    waiting = []
    let own = asksForOwn ? processes.flatMap { OwnConnections(table, of: $0) } : nil
    asksForOwn = false
    var seenOwned: [UInt64: Bool] = [:]
    let addresses = Dictionary(grouping: held.map(\.address)) {
      SocketTables.Port(family: $0.family, number: $0.port)
    }
    for (port, addresses) in addresses {
      for connection in table.connections(at: port, of: Set(addresses)) {
        guard let holder = Self.holder(of: connection, among: held),
          !isPassedOver(connection, isRunning)
        else { continue }
        if connection.inode != 0, connection.isLocal {
          let isOwn = owned[connection.cookie] ?? own?.contains(connection)
          seenOwned[connection.cookie] = isOwn
          asksForOwn = asksForOwn || isOwn == nil
          if isOwn ?? false { continue }
        }
        count(connection, of: holder, in: &sample, orphans: &seenOrphans)
        if followsTraffic, connection.inode != 0 {
          // Of a source that doesn't count only what is in the middle of something gets here.
          seenUses[connection.cookie] = options.ignores(connection.remote) ? now : lastUse(of: connection, at: now)
        }
      }
    }
    let isOpen = sample.accepted > 0
    sample.hasClosed =
      hasClosed
      || isRecording
        && (hadOpen && !isOpen && !followsTraffic || !disregardsLocalVisits && !seenOrphans.isSubset(of: orphans))
    hasClosed = false
    hadOpen = isOpen
    orphans = seenOrphans
    uses = seenUses
    owned = seenOwned
    sample.lastUse = seenUses.values.max()
    // While one is open that counts, nobody's end is news.
    if isOpen, !followsTraffic { tables.closes.forget(self) } else { awaitClose() }
    return sample
  }

  /// Of a source that doesn't count. During a rest one that has just been served, waits, or is on its way counts like all others,
  /// as the rest would cut it off.
  private func isPassedOver(_ connection: TCPConnection, _ isRunning: Bool) -> Bool {
    guard options.ignores(connection.remote) else { return false }
    if isRunning { return true }
    guard connection.inode != 0, connection.unreadBytes == 0, connection.unsentBytes == 0 else { return false }
    return connection.dataAgo.map { $0 > Self.ignoredGrace } ?? false
  }

  /// How long after its last data a connection of an ignored source may be in the middle of something.
  private static let ignoredGrace = Duration.milliseconds(100)

  private func lastUse(of connection: TCPConnection, at now: Instant) -> Instant {
    // Something is in hand.
    guard connection.unreadBytes == 0, connection.unsentBytes == 0, let ago = connection.dataAgo else { return now }
    let nanoseconds = ago.nanoseconds
    let moment = Instant(nanoseconds: now.nanoseconds > nanoseconds ? now.nanoseconds - nanoseconds : 0)
    guard let known = uses[connection.cookie], moment < known.advanced(by: Self.clockSlack) else { return moment }
    return known
  }

  /// Sockets that listen on exactly this address, whoever's they are.
  func listenerCount(_ address: SocketAddress) throws(SockDiagError) -> Int {
    try tables.listeners(at: address).count { $0.local == address }
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
    sockets.first { $0.address == connection.local } ?? sockets.first { $0.address.covers(connection.local) }
  }
}

extension SocketAddress {
  /// Whether a socket that is bound here gets what comes to `local`.
  func covers(_ local: SocketAddress) -> Bool {
    self == local || isAny && port == local.port && family == local.family
  }
}

extension TCPConnection {
  /// Its client is on this machine.
  var isLocal: Bool {
    let client = remote.mapped ?? remote
    var server = local.mapped ?? local
    server.port = client.port
    return client == server || client.family == .v4 && client.bytes.first == 127
      || client == .loopback(.v6, port: client.port)
  }
}
