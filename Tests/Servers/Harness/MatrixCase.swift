import Foundation
import Testing

/// One row of the matrix: a server, the sockets that are held for it, and how it gets them.
struct MatrixCase: Sendable, CustomTestStringConvertible {
  let server: MatrixServer
  let sockets: [MatrixServer.SocketKind]
  let handover: MatrixServer.Handover
  /// Where seccomp is refused: the server has the preloaded library instead.
  var confinement: Confinement? = .everywhere

  /// `TORPOR_HAMMER_STOPS` makes the round a long one: twenty lives and so many stops.
  private static let longStops = Machine.number("TORPOR_HAMMER_STOPS", default: 0)
  /// Of the short round: whole for `auto` and the server's first sockets, and a look at the others.
  private var shortCount: Int {
    guard handover == .auto else { return 3 }
    return sockets == server.sockets.first ? 20 : 10
  }
  private var lives: Int { Self.longStops > 0 ? 20 : shortCount }
  private var stops: Int { Self.longStops > 0 ? Self.longStops : shortCount }

  var socketNames: String { sockets.map(\.rawValue).joined(separator: ", ") }
  var names: [String?] { [server.name, socketNames, handover.rawValue] }
  var testDescription: String {
    "\(server.name), \(socketNames), \(handover.rawValue)" + (confinement.map { ", seccomp: \($0)" } ?? "")
  }

  /// It sleeps, wakes and sleeps again, and then it is hammered.
  func check() throws {
    var result = MatrixResult(
      server: server.name, version: try server.version(), sockets: socketNames, handover: handover.rawValue)
    try run(idle: "50ms") { torpor, setup, clients in
      try liveAndRest(torpor, setup, clients, &result)
    }
    try run(idle: "2ms") { torpor, setup, clients in
      try hammer(torpor, setup, clients, &result)
    }
    print("matrix: \(testDescription): \(result.summary)")
    if confinement == nil { try result.record() }
  }

  /// - Parameter clients: where clients go: to the held sockets, or to the server in front.
  private func run(
    idle: String, _ body: (TorporProcess, MatrixServer.Setup, _ clients: [Endpoint]) throws -> Void
  ) throws {
    let directory = try TemporaryDirectory()
    directory.makeWorldWritable()
    let port = try freePort()
    let held = sockets.map { $0.endpoint(port: port, path: directory.path(server.pathName)) }
    let setup = try server.setUp(MatrixServer.Place(directory: directory, held: held, handover: handover))
    let front = try setup.front.map { try RunningFront($0) }
    defer { front?.end() }
    let arguments =
      held.flatMap { ["-l", "\($0)"] } + ["--idle", idle, "--handover", handover.rawValue] + setup.options + ["--"]
      + setup.command
    let binaries = setup.wrapper.isEmpty ? .built : try Binaries.built.copied(to: directory)
    try TorporProcess.run(
      arguments, wrapper: setup.wrapper, confinement: confinement, binaries: binaries
    ) { torpor in
      try body(torpor, setup, front.map { [$0.endpoint] } ?? held)
      try #require(torpor.count(of: .failed) == 0)
      try #require(torpor.count(of: .left) == 0)
      try #require(torpor.count(of: .neverBound) == 0)
      try #require(torpor.events.filter { $0.event == .warning }.compactMap(\.message) == [])
      try #require(torpor.preloads == (confinement == nil ? 0 : 1))
    }
  }

  // MARK: lives

  private func liveAndRest(
    _ torpor: TorporProcess, _ setup: MatrixServer.Setup, _ clients: [Endpoint], _ result: inout MatrixResult
  ) throws {
    var earlier: Set<pid_t> = []
    for life in 1...lives {
      let endpoint = clients[life % clients.count]
      try visit(endpoint, setup, "life-\(life)", &result)
      let serving = try torpor.waitFor(.serving)
      try torpor.waitFor(.rested)
      try torpor.requireNothingRuns()
      let pid = try #require(serving.pid)
      try #require(earlier.insert(pid).inserted, "life \(life) had the process of an earlier one")
      result.wakeMilliseconds.append(try #require(serving.milliseconds))
    }
  }

  private func visit(
    _ endpoint: Endpoint, _ setup: MatrixServer.Setup, _ word: String, _ result: inout MatrixResult
  ) throws {
    if let visitor = setup.visitor {
      try Tool.run(visitor(endpoint), within: .seconds(20))
      return
    }
    let (tally, errors) = try Hammer.visit(endpoint, setup.question(word))
    try #require(tally.ok == 1, "\(errors)")
    result.answerMilliseconds.append(try #require(tally.max_ms))
  }

  // MARK: hammer

  private func hammer(
    _ torpor: TorporProcess, _ setup: MatrixServer.Setup, _ clients: [Endpoint], _ result: inout MatrixResult
  ) throws {
    let firstLives = server.livesOnceBefore ? 1 : 0
    if server.livesOnceBefore {
      try visit(clients[0], setup, "first", &result)
      try torpor.waitFor(.rested)
    }
    let question = setup.question("hammer")
    let hammers = try clients.map {
      try Hammer($0, question, clients: 4 / clients.count, meanPause: server.meanPause)
    }
    try torpor.watchRests(atLeast: stops + firstLives, secondsPerStop: server.secondsPerStop)
    let tallies = try hammers.map { try $0.finish() }
    result.stops = torpor.count(of: .rested) - firstLives
    result.aborts = torpor.count(of: .restAborted)
    for tally in tallies {
      result.requests += tally.requests
      result.lost += tally.lost - tally.notReady
      result.early += tally.notReady
      result.longestMilliseconds = max(result.longestMilliseconds, tally.max_ms ?? 0)
      try #require(tally.ok + tally.lost == tally.requests)
    }
    try #require(result.lost == 0)
    try #require(result.early == 0)
    try #require(result.requests >= stops)
  }
}

extension TorporProcess {
  fileprivate func watchRests(atLeast stops: Int, secondsPerStop: Double) throws {
    let deadline = Deadline(after: .seconds(60 + secondsPerStop * Double(stops)))
    while count(of: .rested) < stops {
      guard !deadline.hasPassed else {
        Issue.record("only \(count(of: .rested)) rests in time, and \(count(of: .restAborted)) given-up ones")
        return
      }
      // SIGKILL would come after 90 s.
      _ = try next(within: .seconds(100))
    }
  }
}
