import Linux

/// The kernel's tables of sockets, for all services of one loop.
///
/// A dump walks every connection of the machine, whoever asks: 10 ms of 20,000. So whoever wants one in a turn of the loop says so,
/// and at the end of the turn one dump answers them all. It is begun after each of them has asked, which the steps of a drain rely
/// on: what was true before the question is in the answer. What a thousand make of their answers is spread over some turns.
///
/// Nothing here costs a descriptor before somebody asks, and all services of a loop share what there is.
final class SocketTables {
  /// What one asker needs to know of.
  struct Question {
    /// Connections at these local ports.
    var ports: Set<Port> = []
    /// When they last carried data, too.
    var includesTraffic = false
    /// Sockets that the processes of these cgroups have made, and those accepted from their listeners.
    var cgroups: Set<UInt64> = []
    /// All TCP sockets, as nothing narrower names them.
    var includesAll = false
    /// Accepted connections of all unix listeners.
    var includesUnix = false
    /// The unix listeners, too.
    var includesUnixListeners = false
  }

  struct Port: Hashable {
    let family: SocketAddress.Family
    let number: UInt16
  }

  typealias Answer = Result<SocketTable, SockDiagError>

  let closes: CloseWatch
  let arrivals: ArrivalWatch
  private let loop: EventLoop
  private var diag: SockDiag?
  private var unixDiag: UnixDiag?
  private var questions: [Pending] = []
  /// Of the last dump's askers, those that haven't been answered yet.
  private var unanswered: ArraySlice<Pending> = []
  private var lastAnswer: Answer?
  private var isScheduled = false
  /// Dumps made since the start, for tests and measurements.
  private(set) var dumpCount = 0

  private typealias Pending = (asked: Question, answer: (Answer) -> Void)

  init(loop: EventLoop) {
    self.loop = loop
    closes = CloseWatch(loop: loop)
    arrivals = ArrivalWatch(loop: loop)
  }

  /// Answers at the end of this turn of the loop; a question that is asked by an answer, too, by a dump of its own. With many askers
  /// the last are answered some turns later. One that `isUrgent` is answered before this returns, by a dump for it alone.
  func ask(_ question: Question, isUrgent: Bool = false, _ answer: @escaping (Answer) -> Void) {
    if isUrgent {
      answer(answered([question]))
      return closes.apply()
    }
    questions.append((question, answer))
    schedule()
  }

  private func schedule() {
    if isScheduled { return }
    isScheduled = true
    loop.afterThisTurn { [weak self] in
      self?.isScheduled = false
      self?.answerAll()
    }
  }

  /// A drain asks one thing after the other, and its time is short: a deadline that passes while a service of thousands of
  /// processes is looked at must not be heard between two of its steps.
  private func answerAll() {
    let end = MonotonicClock.now() + Self.slice
    for _ in 0..<Self.roundsMax {
      if unanswered.isEmpty {
        if questions.isEmpty { break }
        let asked = questions
        questions = []
        lastAnswer = answered(asked.map(\.asked))
        unanswered = asked[...]
      }
      answerSome(until: end)
      if !unanswered.isEmpty { break }
    }
    closes.apply()
    if !unanswered.isEmpty || !questions.isEmpty { return schedule() }
    lastAnswer = nil
  }

  /// At least one; what one makes of its answer can take a millisecond. That the last are some turns late does no harm: what was true before
  /// the question is in the answer, and of what has come since an event of its own tells, or the next look.
  private func answerSome(until end: UInt64) {
    guard let lastAnswer else { return }
    repeat {
      guard let next = unanswered.popFirst() else { return }
      next.answer(lastAnswer)
    } while MonotonicClock.now() < end
  }

  /// Of questions that answers lead to, before others' turn comes.
  private static let roundsMax = 4
  /// In nanoseconds: for so long others wait in one turn, besides the dump.
  private static let slice: UInt64 = 5_000_000

  private func answered(_ questions: [Question]) -> Answer {
    // Whoever asks has named the ports whose closes it waits for: from before the dump on, so that none falls in between.
    closes.apply()
    defer { closes.take() }
    do throws(SockDiagError) { return .success(try dump(questions)) } catch { return .failure(error) }
  }

  private func dump(_ questions: [Question]) throws(SockDiagError) -> SocketTable {
    let table = SocketTable()
    let ports = questions.reduce(into: Set<Port>()) { $0.formUnion($1.ports) }
    let cgroups = questions.reduce(into: Set<UInt64>()) { $0.formUnion($1.cgroups) }
    let includesAll = questions.contains(where: \.includesAll)
    let includesTraffic = questions.contains(where: \.includesTraffic)
    let includesListeners = includesAll || !cgroups.isEmpty
    (table.cgroups, table.includesAll) = (cgroups, includesAll)
    for family in [SocketAddress.Family.v4, .v6] {
      let numbers = ports.filter { $0.family == family }.map(\.number).sorted()
      guard includesListeners || !numbers.isEmpty else { continue }
      let ofCgroups = cgroups.sorted().map { SockDiag.Condition.cgroup($0) }
      let conditions = numbers.map { SockDiag.Condition.port($0) } + ofCgroups
      try open()
      dumpCount += 1
      var found =
        try diag?.sockets(family, includesAll ? [] : conditions, includingTraffic: includesTraffic) ?? []
      // By themselves, which costs the kernel no more: they are in a table of their own, and thousands may have one port.
      if includesListeners { found += try diag?.listeners(family, includesAll ? [] : ofCgroups) ?? [] }
      for connection in found {
        let port = Port(family: family, number: connection.local.port)
        if ports.contains(port), connection.state != .listen { table.connections[port, default: []].append(connection) }
        if let cgroup = connection.cgroup, cgroups.contains(cgroup) {
          table.byCgroup[cgroup, default: []].append(connection)
        }
      }
      if includesAll { table.all += found }
    }
    if questions.contains(where: \.includesUnix) { table.unixConnections = try unixConnections() }
    if questions.contains(where: \.includesUnixListeners) { table.unixListeners = try unixListeners() }
    return table
  }

  /// The same at once, for a person who waits for the answer.
  func answer(_ question: Question) throws(SockDiagError) -> SocketTable { try dump([question]) }

  // MARK: single questions, answered at once

  /// Sockets that listen at this address, whoever's they are.
  func listeners(at address: SocketAddress) throws(SockDiagError) -> [TCPConnection] {
    try open()
    return try diag?.listeners(at: address) ?? []
  }

  /// One unix socket of our network namespace.
  func unixSocket(inode: UInt32) throws(SockDiagError) -> UnixDiag.Entry? {
    try openUnix()
    return try unixDiag?.socket(inode: inode) ?? nil
  }

  private func unixConnections() throws(SockDiagError) -> [UnixDiag.Entry] {
    try openUnix()
    dumpCount += 1
    return try unixDiag?.connections() ?? []
  }

  private func unixListeners() throws(SockDiagError) -> [UnixDiag.Entry] {
    try openUnix()
    return try unixDiag?.listeners() ?? []
  }

  private func open() throws(SockDiagError) {
    if diag != nil { return }
    do throws(Errno) { diag = try SockDiag() } catch { throw .kernel(error) }
  }

  private func openUnix() throws(SockDiagError) {
    if unixDiag != nil { return }
    do throws(Errno) { unixDiag = try UnixDiag() } catch { throw .kernel(error) }
  }
}

/// One dump, sorted once for all who asked.
final class SocketTable {
  fileprivate(set) var connections: [SocketTables.Port: [TCPConnection]] = [:]
  fileprivate(set) var byCgroup: [UInt64: [TCPConnection]] = [:]
  /// Those that were asked for.
  fileprivate(set) var cgroups: Set<UInt64> = []
  fileprivate(set) var all: [TCPConnection] = []
  /// Whether all were asked for.
  fileprivate(set) var includesAll = false
  fileprivate(set) var unixConnections: [UnixDiag.Entry] = []
  fileprivate(set) var unixListeners: [UnixDiag.Entry] = []

  /// Of ports with many: thousands of services may have the same one, at an address each.
  private var byAddress: [SocketTables.Port: [SocketAddress: [TCPConnection]]] = [:]
  private static let scannedMax = 256

  /// Those at a port that may belong to one of these addresses, of this port all.
  func connections(at port: SocketTables.Port, of addresses: Set<SocketAddress>) -> [TCPConnection] {
    let found = connections[port] ?? []
    if found.count <= Self.scannedMax || addresses.contains(where: \.isAny) { return found }
    let grouped = byAddress[port] ?? Dictionary(grouping: found, by: \.local)
    byAddress[port] = grouped
    return addresses.flatMap { grouped[$0] ?? [] }
  }

  /// Accepted unix connections by their listener's file.
  private(set) lazy var unixByFile = Dictionary(
    grouping: unixConnections.filter { $0.file != nil }, by: \.file)
  /// All unix connections of our network namespace that some process has.
  private(set) lazy var unixInodes = Set(unixConnections.map { UInt64($0.inode) })
}
