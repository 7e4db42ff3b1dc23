import Foundation
import Testing

extension ServerTests {
  /// Clients come at every moment of a rest, and none of them is lost or delayed.
  @Suite struct HammerTests {
    /// `TORPOR_HAMMER_STOPS` and `TORPOR_HAMMER_ABORTS` make the round longer.
    static let stops = Machine.number("TORPOR_HAMMER_STOPS", default: 150)
    static let aborts = Machine.number("TORPOR_HAMMER_ABORTS", default: 10)

    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
    func noClientOfRedisIsLostOrDelayedByARest() throws {
      try hammer(RealServer.redis, request: "redis", named: "redis-server")
    }

    @Test(.enabled(if: RealServer.nginx.isInstalled, "nginx isn't installed"))
    func noClientOfNginxIsLostOrDelayedByARest() throws {
      try hammer(
        RealServer.nginx, request: "http", exchange: .keptHTTP(path: "/again", body: "you asked for /again\n"),
        named: "nginx")
    }

    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
    func noClientOfRedisIsLostWhereStraysMustBeRelayed() throws {
      try hammer(
        RealServer.redis, request: "redis", named: "redis-server, relayed", environment: ["TORPOR_NO_MIGRATION": "1"])
    }

    @Test(
      .enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"),
      .enabled(if: Machine.canBecomeNobody, "needs root and setpriv, to become an ordinary user"))
    func noClientOfRedisIsLostUnderAnOrdinaryUser() throws {
      let copies = try TemporaryDirectory()
      try hammer(
        RealServer.redis, request: "redis", named: "redis-server, ordinary user", wrapper: Machine.asNobody,
        binaries: Binaries.built.copied(to: copies))
    }

    @Test(.enabled(if: PathServer.redis.isInstalled, "redis-server isn't installed"))
    func noClientOfRedisAtAPathIsLostOrDelayedByARest() throws {
      try hammer(PathServer.redis, request: "redis", named: "redis-server at a path")
    }

    @Test(.enabled(if: PathServer.nginx.isInstalled, "nginx isn't installed"))
    func noClientOfNginxAtAPathIsLostOrDelayedByARest() throws {
      try hammer(PathServer.nginx, request: "http", named: "nginx at a path")
    }

    @Test(
      .enabled(if: PathServer.redis.isInstalled, "redis-server isn't installed"),
      .enabled(if: Machine.canBecomeNobody, "needs root and setpriv, to become an ordinary user"))
    func noClientOfRedisAtAPathIsLostUnderAnOrdinaryUser() throws {
      let copies = try TemporaryDirectory()
      // Whoever has to be relayed is somebody else than root here, and only root can pass others on as who they are.
      try hammer(
        PathServer.redis, request: "redis", named: "redis-server at a path, ordinary user", wrapper: Machine.asNobody,
        binaries: Binaries.built.copied(to: copies), provokes: false)
    }

    @Test(
      .enabled(if: FixedServer.isInstalled, "python3 isn't installed"),
      .enabled(if: Machine.canFreeze, "needs a cgroup v2 that can be written"))
    func noClientAtAnAbstractNameIsLostWhereTheServiceMayBeKilled() throws {
      let name = "@torpor-hammer-\(getpid())"
      let directory = try TemporaryDirectory()
      let arguments =
        ["-l", name, "--may-kill", "--idle", "2ms", "--"] + (try FixedServer.command(for: .unix(name), in: directory))
      try hammer(
        .unix(name), arguments, request: "redis", exchange: .ping, named: "python3 at an abstract name, killed",
        wrapper: [], binaries: .built, hasStrays: false)
    }

    @Test(.enabled(if: FixedServer.isInstalled, "python3 isn't installed"))
    func noClientOfSequencedPacketsAtAPathIsLostOrDelayedByARest() throws {
      let directory = try TemporaryDirectory()
      let endpoint = Endpoint.unix(directory.path("s"), SOCK_SEQPACKET)
      let command = try FixedServer.command(for: endpoint, in: directory)
      try hammer(
        endpoint, ["-l", "\(endpoint)", "--idle", "2ms", "--"] + command, request: "redis", exchange: .ping,
        named: "python3, sequenced packets at a path", wrapper: [], binaries: .built)
    }

    private func hammer(
      _ server: PathServer, request: String, named title: String, wrapper: [String] = [], binaries: Binaries = .built,
      provokes: Bool = true
    ) throws {
      let directory = try TemporaryDirectory()
      directory.makeWorldWritable()
      let path = directory.path("service.sock")
      let arguments =
        ["-l", path, "--socket-mode", "0666", "--idle", "2ms", "--"]
        + (try server.command(path: path, in: directory))
      try hammer(
        .unix(path), arguments, request: request, exchange: server.exchange, named: title, wrapper: wrapper,
        binaries: binaries, provokes: provokes)
    }

    private func hammer(
      _ server: RealServer, request: String, exchange: Exchange = .ping, named title: String, wrapper: [String] = [],
      environment: [String: String] = [:], binaries: Binaries = .built
    ) throws {
      let directory = try TemporaryDirectory()
      directory.makeWorldWritable()
      let endpoint = Endpoint.v4(try freePort())
      let command = try server.command(port: endpoint.port, in: directory)
      let arguments = ["-l", "\(endpoint)", "--idle", "2ms", "--"] + command
      try hammer(
        endpoint, arguments, request: request, exchange: exchange, named: title, wrapper: wrapper,
        environment: environment, binaries: binaries)
    }

    private func hammer(
      _ endpoint: Endpoint, _ arguments: [String], request: String, exchange: Exchange, named title: String,
      wrapper: [String], environment: [String: String] = [:], binaries: Binaries, provokes: Bool = true,
      hasStrays: Bool = true
    ) throws {
      try TorporProcess.run(arguments, wrapper: wrapper, environment: environment, binaries: binaries) { torpor in
        let hammer = try Hammer(endpoint, request: request, wrapper: wrapper, binaries: binaries)
        let provoker = provokes ? Provoker(torpor, endpoint, exchange) : nil
        try torpor.watchRests(atLeast: Self.stops, aborts: Self.aborts, strays: hasStrays ? 1 : 0)
        let tally = try hammer.finish()
        let failures = provoker?.finish() ?? []
        let strays = torpor.strays
        print(
          "hammer: \(title): stops=\(torpor.count(of: .rested)) aborts=\(torpor.count(of: .restAborted))",
          "strays=\(strays) requests=\(tally.requests) held=\(tally.held) lost=\(tally.lost) slow=\(tally.slow)")
        try #require(failures.isEmpty)
        try #require(tally.lost == 0)
        try #require(tally.slow == 0)
        try #require(tally.ok == tally.requests)
        try #require(tally.requests >= Self.stops)
        // Where nobody is steered nobody goes astray.
        try #require((strays > 0) == hasStrays)
        try #require(torpor.count(of: .failed) == 0)
        try #require(torpor.count(of: .left) == 0)
      }
    }
  }
}

extension TorporProcess {
  /// Clients that were steered away by rests that were given up.
  fileprivate var strays: Int { events.compactMap(\.strays).reduce(0, +) }

  /// Follows the events until there were so many completed and given-up rests, and clients steered away: 60 s for the short round of 150.
  func watchRests(atLeast stops: Int, aborts: Int, strays: Int = 0) throws {
    let deadline = Deadline(after: max(.seconds(60), .milliseconds(400) * stops))
    while count(of: .rested) < stops || count(of: .restAborted) < aborts || self.strays < strays {
      guard !deadline.hasPassed else {
        Issue.record("only \(count(of: .rested)) rests and \(count(of: .restAborted)) given-up ones in time")
        return
      }
      _ = try next(within: .seconds(20))
    }
  }
}
