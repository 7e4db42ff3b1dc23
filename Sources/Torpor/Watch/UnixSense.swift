import Lifecycle
import Linux

/// What is known of a unix listener's connections between two looks.
struct Arrivals {
  /// Somebody has connected since the last look.
  var hasArrived = false
  /// Arrivals should be signalled.
  var isArmed = false
  /// Inodes of the accepted connections at the last look.
  var accepted: Set<UInt64> = []
  /// Somebody waited at the last look.
  var hadWaiting = false
}

/// Sees what comes to the held unix sockets and FIFOs: connections accepted, those that wait, those that have come and gone;
/// messages that wait to be read or have been.
///
/// UNIX_DIAG lists the accepted ones by their listener's file, so that those of two generations are told apart. It doesn't
/// list those that wait, nor announce that one has closed: a signal tells that somebody has connected (`ArrivalSignal`), and
/// whoever isn't there any more when it is looked has closed. It doesn't list clients of other network namespaces either:
/// when nothing else shows, the service's own descriptors are looked through for them.
final class UnixSense {
  let tables: SocketTables
  let sockets: () -> [any SignalledSocket]
  private var isRecording = false
  private var isWatching = false
  private let foreign: ForeignConnections
  /// Paths of which nothing was seen at the last sample, so that their clients may be in other network namespaces.
  private var silentPaths: [UnixAddress] = []
  private var hasWarnedOfForeign = false
  /// Clients in other network namespaces, as far as the last look had to look for some.
  private(set) var foreignCount = 0
  /// Inode of the client that has waited longest at the last sample, and where.
  private(set) var firstWaiting: (inode: UInt32, name: String)?
  /// Somebody has connected.
  var onUse: (() -> Void)?
  /// Processes of the service.
  var processes: (() -> [Int32])?
  var onWarning: ((String) -> Void)?
  /// What is in a FIFO was not read for so long that nobody does.
  var onIgnored: ((HeldFIFO) -> Void)?
  /// After so long; nil: never.
  var patience: Duration?

  /// Open connections count only by what they carry, which nobody tells of a unix socket: so each counts.
  var allowsSilence = false
  /// Who comes now and goes is the busy check.
  var disregardsVisits = false

  init(tables: SocketTables, loop: EventLoop, sockets: @escaping () -> [any SignalledSocket]) {
    self.tables = tables
    foreign = ForeignConnections(loop: loop)
    self.sockets = sockets
  }

  // MARK: recording

  /// Begins to record arrivals, or goes on to without telling.
  func record() throws(Errno) {
    isWatching = false
    try tables.arrivals.add(self)
    guard !isRecording else { return }
    isRecording = true
    for socket in sockets() {
      socket.arrivals = Arrivals()
      arm(socket)
    }
  }

  /// Tells with `onUse` as soon as there is one.
  func watch() {
    guard isRecording else { return }
    isWatching = true
    // One may have come since the last look, which has disarmed its socket.
    if sockets().contains(where: \.arrivals.hasArrived) { onUse?() }
  }

  func forget() {
    isRecording = false
    isWatching = false
    for socket in sockets() {
      socket.disarm()
      socket.arrivals = Arrivals()
    }
    tables.arrivals.forget(self)
  }

  private func arm(_ socket: any SignalledSocket) {
    // If it can't be armed it is found unarmed at the next look, which counts as use.
    try? socket.withCurrent { current throws(Errno) in try ArrivalSignal.arm(current) }
    socket.arrivals.isArmed = true
  }

  /// Something has arrived at these descriptors of ours; nil: it may be any.
  func handleArrivals(at numbers: Set<Int32>?) {
    guard isRecording else { return }
    var isNews = false
    for socket in sockets() where numbers?.contains(socket.number) ?? true {
      // Once is enough until the next look: a busy service's connections are not our wakeups.
      socket.disarm()
      socket.arrivals.isArmed = false
      if disregardsVisits, !socket.hasMessages { continue }
      socket.arrivals.hasArrived = true
      isNews = true
    }
    if isNews, isWatching { onUse?() }
  }

  // MARK: looking

  /// Before the tables are asked: armed first, so that one that comes during the look is seen by it or told later.
  func prepare(_ question: inout SocketTables.Question) {
    tables.arrivals.take()
    let sockets = sockets()
    for socket in sockets {
      if isRecording { rearm(socket) }
      keepInPlace(socket)
    }
    if !sockets.allSatisfy(\.hasMessages) { question.includesUnix = true }
  }

  /// What the tables say.
  func sample(_ table: SocketTable, at now: Instant) throws(SockDiagError) -> Sample {
    var sample = Sample()
    firstWaiting = nil
    silentPaths = []
    foreignCount = 0
    let sockets = sockets()
    for socket in sockets where socket.hasMessages { count(messagesOf: socket, in: &sample, at: now) }
    if sockets.allSatisfy(\.hasMessages) { return sample }
    for socket in sockets where !socket.hasMessages {
      if let path = socket as? HeldUnixSocket { try count(path, table, in: &sample) }
      if let name = socket as? HeldAbstractSocket { try count(name, table, in: &sample) }
    }
    if sample.accepted == 0, sample.queuedOnCurrent.isEmpty, !sample.hasClosed {
      // Abstract names are known in their own network namespace only.
      silentPaths = sockets.compactMap { $0 as? HeldUnixSocket }.filter(\.type.listens).map(\.address)
    }
    if allowsSilence, sample.accepted > 0 { sample.lastUse = now }
    return sample
  }

  /// After a sample that showed nothing: adds to it who is connected from another network namespace. That may take some turns of the
  /// loop. What can't be seen counts as somebody.
  func addForeign(to sample: Sample, _ table: SocketTable, at now: Instant, _ isDone: @escaping (Sample) -> Void) {
    guard !silentPaths.isEmpty else { return isDone(sample) }
    foreign.count(of: processes?() ?? [], known: table.unixInodes, names: silentPaths) { [weak self] outcome in
      if outcome == .unfinished { self?.warnOfForeign() }
      if outcome == .found(0) { return isDone(sample) }
      var sample = sample
      let count = if case .found(let count) = outcome { count } else { 1 }
      sample.accepted += count
      self?.foreignCount = count
      if let self, allowsSilence { sample.lastUse = now }
      isDone(sample)
    }
  }

  private func warnOfForeign() {
    guard !hasWarnedOfForeign else { return }
    hasWarnedOfForeign = true
    onWarning?(
      "its processes have too many descriptors to be looked through for clients from other network namespaces: it counts as busy"
    )
  }

  private func rearm(_ socket: any SignalledSocket) {
    // A service that has set its flags without care has turned the signal off: anything may have come since.
    var isOff = false
    try? socket.withCurrent { isOff = !ArrivalSignal.isArmed($0) }
    if socket.arrivals.isArmed, isOff { socket.arrivals.hasArrived = true }
    arm(socket)
  }

  /// What an administrator's `rm` has done isn't left so: it is the service's only way to be reached.
  private func keepInPlace(_ held: any SignalledSocket) {
    guard let socket = held as? HeldUnixSocket, !socket.group.isInPlace() else { return }
    do throws(Errno) {
      try socket.group.putInPlace()
      onWarning?("\(socket.name) was removed or replaced; it is there again")
    } catch { onWarning?("\(socket.name) was removed or replaced, and cannot be put back: \(error)") }
  }

  private func count(
    _ socket: HeldUnixSocket, _ table: SocketTable, in sample: inout Sample
  ) throws(SockDiagError) {
    let current = try listener(socket.group.current)
    var files = Set([current.file].compactMap(\.self))
    var waiting = waitingClients(current, socket, generation: 0)
    sample.acceptQueueLength += Int(current.queueLength ?? 0)
    noteWaiting(current, at: socket.name)
    var former: UnixDiag.Entry?
    try socket.withFormer { socket throws(SockDiagError) in former = try listener(socket) }
    if let former {
      files.formUnion([former.file].compactMap(\.self))
      waiting.formUnion(waitingClients(former, socket, generation: 2))
      sample.acceptQueueLength += Int(former.queueLength ?? 0)
    }
    var next: UnixDiag.Entry?
    try socket.withNext { socket throws(SockDiagError) in next = try listener(socket) }
    if let next { sample.queuedOnNext.formUnion(waitingClients(next, socket, generation: 1)) }

    note(accepted(by: files, table), waiting, of: socket, in: &sample)
  }

  /// Connections that came in by listeners with these files.
  func accepted(by files: Set<UnixDiag.File>, _ table: SocketTable) -> Set<UInt64> {
    Set(files.flatMap { table.unixByFile[$0] ?? [] }.map { UInt64($0.inode) })
  }

  func note(_ accepted: Set<UInt64>, _ waiting: Set<UInt64>, of socket: any SignalledSocket, in sample: inout Sample) {
    sample.accepted += accepted.count
    sample.queuedOnCurrent.formUnion(waiting)
    // Who has been here and is neither in hand nor in the queue any more has been accepted and closed. While others are,
    // it makes no difference.
    let isGone = socket.arrivals.hasArrived || socket.arrivals.hadWaiting
    if !socket.arrivals.accepted.isSubset(of: accepted) || isGone && accepted.isEmpty && waiting.isEmpty {
      sample.hasClosed = true
    }
    socket.arrivals.hasArrived = false
    socket.arrivals.accepted = accepted
    socket.arrivals.hadWaiting = !waiting.isEmpty
  }

  func noteWaiting(_ listener: UnixDiag.Entry, at name: String) {
    if firstWaiting == nil, let first = listener.waiting?.first(where: { $0 != 0 }) { firstWaiting = (first, name) }
  }

  func listener(_ socket: borrowing UnixSocket) throws(SockDiagError) -> UnixDiag.Entry {
    let inode: UInt64
    do throws(Errno) { inode = try socket.descriptor.inode() } catch { throw .kernel(error) }
    guard let entry = try tables.unixSocket(inode: UInt32(truncatingIfNeeded: inode)) else { throw .kernel(.noEntry) }
    return entry
  }

  /// One number for each, the same at each look: its client's inode where there is one. Apart from TCP's cookies, which are
  /// small, and from those of other sockets.
  func waitingClients(
    _ listener: UnixDiag.Entry, _ socket: any SignalledSocket, generation: UInt64
  ) -> Set<UInt64> {
    let place = UInt64(1) << 63 | generation << 60 | UInt64(socket.index) << 40
    let known = listener.waiting?.filter { $0 != 0 }.map { place | UInt64($0) } ?? []
    let unknown = max(0, Int(listener.queueLength ?? 0) - known.count)
    return Set(known).union((0..<unknown).map { place | UInt64(1) << 39 | UInt64($0) })
  }

  /// Accepted connections of one held socket, for a person who asks.
  func clients(of held: any SignalledSocket, _ table: SocketTable) -> [UnixDiag.Entry] {
    if let name = held as? HeldAbstractSocket { return table.unixConnections.filter { $0.address == name.address } }
    guard let path = held as? HeldUnixSocket, let file = (try? listener(path.group.current))?.file else { return [] }
    return table.unixByFile[file] ?? []
  }

  /// Of the held sockets, those of a rest that is under way included.
  var heldInodes: Set<UInt32> {
    var inodes: Set<UInt32> = []
    func add(_ held: borrowing OwnedFD) {
      if let inode = try? held.inode() { inodes.insert(UInt32(truncatingIfNeeded: inode)) }
    }
    for socket in sockets() {
      try? socket.withCurrent { current throws(Errno) in add(current) }
      guard let path = socket as? HeldUnixSocket else { continue }
      try? path.withNext { next throws(SockDiagError) in add(next.descriptor) }
      try? path.withFormer { former throws(SockDiagError) in add(former.descriptor) }
    }
    return inodes
  }

  /// Lengths of the accept queues.
  func queueLengths() throws(SockDiagError) -> QueueLengths {
    var lengths = QueueLengths(current: 0)
    for held in sockets() {
      if held.hasMessages { lengths.current += held.hasUnread ? 1 : 0 }
      if let name = held as? HeldAbstractSocket, !name.hasMessages {
        lengths.current += Int(try listener(name.socket).queueLength ?? 0)
      }
      guard let socket = held as? HeldUnixSocket, !held.hasMessages else { continue }
      lengths.current += Int(try listener(socket.group.current).queueLength ?? 0)
      var next = 0
      try socket.withNext { socket throws(SockDiagError) in next = Int(try listener(socket).queueLength ?? 0) }
      if next > 0 { lengths.next[socket.index] = next }
    }
    return lengths
  }
}

extension HeldUnixSocket {
  fileprivate func withNext(
    _ body: (borrowing UnixSocket) throws(SockDiagError) -> Void
  ) throws(SockDiagError) {
    var failure: SockDiagError?
    try? group.withNext { socket in
      do throws(SockDiagError) { try body(socket) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  fileprivate func withFormer(
    _ body: (borrowing UnixSocket) throws(SockDiagError) -> Void
  ) throws(SockDiagError) {
    var failure: SockDiagError?
    group.withFormer { socket in
      do throws(SockDiagError) { try body(socket) } catch { failure = error }
    }
    if let failure { throw failure }
  }
}
