import Lifecycle
import Linux

/// Why a service is awake: what each sense sees of it, with numbers, for a person.
struct Explanation: Equatable {
  struct Answer: Equatable {
    var name: String
    var isBusy: Bool
    /// How long it has said so; nil: not known.
    var since: Duration?
    var evidence: [String]
  }

  /// One accepted connection.
  struct Connection: Equatable {
    /// "127.0.0.1:43436", or the path that a unix client has connected to.
    var client: String
    /// "redis-cli[21941]", where it is on this machine.
    var process: String?
    /// How long ago data went by it; nil: the kernel doesn't tell.
    var dataAgo: Duration?
    var unreadBytes: UInt32 = 0
    /// The service has said all by it (shutdown(2)), and has it open still.
    var isHalfClosed = false
    /// Its source doesn't count.
    var isIgnored = false
    /// Its client is the service itself.
    var isOwn = false
  }

  var answers: [Answer] = []
  var advice: [String] = []

  /// More are counted, and not named.
  static let connectionsMax = 10
  /// Silent for longer, and somebody might like to hear what can be done about it.
  static let longSilence = Duration.seconds(300)

  /// - Parameters:
  ///   - waiting: clients that nobody has accepted yet.
  ///   - busySince: how long one that counts has been; nil: not known.
  ///   - quietSince: how long none has been; nil: not known.
  ///   - others: what the other senses say.
  ///   - idleTimeout: nil: it never rests.
  ///   - sleeps: it rests with its connections open (Rest=freeze).
  static func made(
    of connections: [Connection], waiting: Int, busySince: Duration?, quietSince: Duration?,
    mode: WatchOptions.Connections, others: [Answer], idleTimeout: Duration?, sleeps: Bool = false
  ) -> Explanation {
    let timeout = idleTimeout ?? .seconds(Int64(Int32.max))
    let counting = connections.filter {
      guard !$0.isIgnored, !$0.isOwn else { return false }
      return sleeps ? $0.isKnownToCarryData(within: timeout) : mode == .open || $0.carriesData(within: timeout)
    }
    var lines = connections.prefix(connectionsMax).map {
      $0.line(mode: mode, isCounting: counting.contains($0), sleeps: sleeps)
    }
    if connections.count > connectionsMax { lines.append("and \(connections.count - connectionsMax) more") }
    if waiting > 0 {
      lines.append("\(Narrator.count(waiting, "client")) \(waiting == 1 ? "waits" : "wait") to be accepted")
    }
    let isBusy = !counting.isEmpty || waiting > 0
    if connections.isEmpty, waiting == 0 { lines.append("nobody is connected") }
    var explanation = Explanation()
    explanation.answers = [
      Answer(name: SenseTable.connections, isBusy: isBusy, since: isBusy ? busySince : quietSince, evidence: lines)
    ]
    explanation.answers += others
    if sleeps { return explanation }
    explanation.advice = advice(connections.filter { !$0.isIgnored && !$0.isOwn }, waiting, mode, others, timeout)
    return explanation
  }

  private static func advice(
    _ connections: [Connection], _ waiting: Int, _ mode: WatchOptions.Connections, _ others: [Answer],
    _ timeout: Duration
  ) -> [String] {
    guard mode == .open, !connections.isEmpty, waiting == 0, !others.contains(where: \.isBusy) else { return [] }
    // Of unix sockets nobody tells, so that the advice would be in vain.
    guard connections.allSatisfy({ $0.dataAgo != nil }) else { return [] }
    let silence = connections.compactMap(\.dataAgo).min() ?? .zero
    guard silence >= min(longSilence, timeout), connections.allSatisfy({ $0.unreadBytes == 0 }) else { return [] }
    return [
      "Only connections that have been silent for \(TimeSpan.describe(silence)) keep it up. With Connections=active "
        + "(--connections active) these don't count, as a pool opens new ones; with Rest=freeze (--rest freeze) they stay "
        + "open while it sleeps."
    ]
  }
}

extension Explanation.Connection {
  func carriesData(within timeout: Duration) -> Bool { unreadBytes > 0 || dataAgo.map { $0 < timeout } ?? true }

  /// Of a unix connection nobody knows.
  func isKnownToCarryData(within timeout: Duration) -> Bool {
    unreadBytes > 0 || dataAgo.map { $0 < timeout } ?? false
  }

  func line(mode: WatchOptions.Connections, isCounting: Bool, sleeps: Bool = false) -> String {
    var text = client + (process.map { " (\($0))" } ?? "")
    if unreadBytes > 0 { text += ", \(unreadBytes) bytes unread" }
    if let dataAgo { text += ", last data \(TimeSpan.describe(dataAgo)) ago" }
    if isHalfClosed { text += ", shut down by the service and not closed" }
    if isOwn { return text + "; the service's own, at both ends" }
    if isIgnored { return text + "; its source doesn't count (IgnoreSource=)" }
    if sleeps { return isCounting ? text : text + "; it stays open while the service sleeps" }
    return isCounting || mode == .open ? text : text + "; silent ones don't count (Connections=active)"
  }
}

extension Service {
  /// What each sense sees at this moment, with no effect on the next look. Costs a dump, and 50 ms of looking for clients' processes
  /// at most: for a person who asks.
  func explain() -> Explanation? {
    if let frozen = explainFrozen() { return frozen }
    guard isRunning else { return nil }
    var question = SocketTables.Question()
    for socket in tcpSockets {
      question.ports.insert(SocketTables.Port(family: socket.address.family, number: socket.address.port))
    }
    question.includesTraffic = true
    question.includesUnix = unixSense != nil
    OwnConnections.ask(&question, of: processes)
    senses?.prepare(&question)
    let table: SocketTable
    do throws(SockDiagError) { table = try tables.answer(question) } catch {
      let verdict = Verdict.blind(Self.unlisted(error))
      let answer = Explanation.Answer(
        name: SenseTable.connections, isBusy: true, since: since(SenseTable.connections, verdict),
        evidence: verdict.evidence)
      return Explanation(answers: [answer])
    }
    let (connections, waiting) = connections(in: table)
    var others = (senses?.explain(table, at: now) ?? []).map { name, verdict in
      Explanation.Answer(
        name: name, isBusy: verdict.isBusy, since: since(name, verdict), evidence: verdict.evidence)
    }
    if busyCheck != nil {
      let report = senses?.reports[SenseTable.busyCheck]
      others.append(
        Explanation.Answer(
          name: SenseTable.busyCheck, isBusy: report?.isBusy ?? false, since: report.map { now.since($0.since) },
          evidence: report?.evidence ?? ["it is asked when all else is quiet"]))
    }
    if let messages = explainMessages() { others.append(messages) }
    if case .running(let running) = lifecycle.state, running.instance.saysBusy {
      let verdict = Verdict.busy(["it said X-BUSY=1"])
      others.append(
        Explanation.Answer(
          name: SenseTable.notify, isBusy: true, since: since(SenseTable.notify, verdict), evidence: verdict.evidence))
    }
    return Explanation.made(
      of: connections, waiting: waiting, busySince: since(SenseTable.connections, .busy([])), quietSince: quietSince,
      mode: options.watch.connections, others: others, idleTimeout: options.idleTimeout,
      sleeps: options.rest == .freeze && lifecycle.configuration.canFreeze)
  }

  private var quietSince: Duration? {
    guard case .running(let running) = lifecycle.state else { return nil }
    return now.since(running.lastEvidence)
  }

  private func since(_ name: String, _ verdict: Verdict) -> Duration? {
    senses?.since(name, isBusy: verdict.isBusy, at: now)
  }

  private func connections(in table: SocketTable) -> ([Explanation.Connection], waiting: Int) {
    var found: [Explanation.Connection] = []
    var waiting = 0
    let held = tcpSockets
    let own = OwnConnections(table, of: processes)
    // The first may take all of it: /proc is long on a machine of many processes.
    let limit = MonotonicClock.now() + 50_000_000
    func rest() -> Duration { .nanoseconds(Int64(clamping: limit - min(limit, MonotonicClock.now()))) }
    for connection in table.connections.values.joined() {
      guard ConnectionSense.holder(of: connection, among: held) != nil else { continue }
      let isHalfClosed: Bool
      switch connection.state {
      case .established, .closeWait: isHalfClosed = false
      case .finWait1, .finWait2, .lastAck, .closing: isHalfClosed = true
      case .synSent, .synReceived, .newSynReceived, .timeWait, .close, .listen: continue
      }
      guard connection.inode != 0 else {
        // Nobody has one that was shut down: the kernel still ends it.
        if !isHalfClosed { waiting += 1 }
        continue
      }
      let isNamed = found.count < Explanation.connectionsMax && connection.isLocal && MonotonicClock.now() < limit
      found.append(
        Explanation.Connection(
          client: connection.remote.description,
          process: isNamed ? SocketOwner.ofClient(connection, within: rest())?.description : nil,
          dataAgo: connection.dataAgo, unreadBytes: connection.unreadBytes, isHalfClosed: isHalfClosed,
          isIgnored: options.watch.ignores(connection.remote), isOwn: own?.contains(connection) ?? false))
    }
    for socket in signalledSockets where !socket.hasMessages {
      let clients = unixSense?.clients(of: socket, table) ?? []
      for client in clients {
        let isNamed = found.count < Explanation.connectionsMax && MonotonicClock.now() < limit
        let owner = isNamed ? client.peer.flatMap { SocketOwner.find(inode: $0, within: rest()) } : nil
        found.append(Explanation.Connection(client: "a client of \(socket.name)", process: owner?.description))
      }
      waiting += unixSense?.waitingCount(at: socket) ?? 0
    }
    for _ in 0..<(unixSense?.foreignCount ?? 0) {
      found.append(Explanation.Connection(client: "a client in another network namespace"))
    }
    return (found, waiting)
  }
}
