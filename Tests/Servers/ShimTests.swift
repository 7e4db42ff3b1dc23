import Glibc
import Testing

extension SharedDataTests {
  /// Where the kernel gives us no seccomp listener, a preloaded library makes bind() land on the held socket.
  @Suite struct ShimTests {
    /// As in the matrix, whose long round makes twenty wakes and hundreds of stops of each.
    @Test(arguments: rows)
    func anUnmodifiedServerIsServed(row: MatrixCase) throws { try row.check() }

    private static let rows: [MatrixCase] = [
      MatrixServer.redis, .nginx, .memcached, .python, .node, .nodeCluster, .mariadb, .phpBehindNginx, .apacheEvent,
      .apachePrefork, .postgres, .java, .gunicorn,
    ].filter { $0.missing == nil }.flatMap { server in
      server.sockets.map { MatrixCase(server: server, sockets: $0, handover: .adopt, confinement: .refuse) }
    }

    /// The kernel's own word where there is a listener already.
    @Test(
      .enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"),
      arguments: [Confinement.refuse, .busy])
    func redisServesTheFirstClientOfEachOfTwentyLives(confinement: Confinement) throws {
      try liveAndRest(.redis, confinement)
    }

    @Test(
      .enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"),
      .enabled(if: Machine.canBecomeNobody, "needs root and setpriv, to become an ordinary user"))
    func redisServesTheFirstClientOfEachOfTwentyLivesUnderAnOrdinaryUser() throws {
      let copies = try TemporaryDirectory()
      try liveAndRest(.redis, .refuse, wrapper: Machine.asNobody, binaries: Binaries.built.copied(to: copies))
    }

    /// The library has to be readable for another user than torpor's.
    @Test(
      .enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"),
      .enabled(if: Machine.isRoot, "needs root, to change the user"))
    func redisServesTheFirstClientOfEachOfTwentyLivesAsAnotherUser() throws {
      try liveAndRest(.redis, .refuse, options: ["--user", "nobody"])
    }

    private func liveAndRest(
      _ server: RealServer, _ confinement: Confinement, options: [String] = [], wrapper: [String] = [],
      binaries: Binaries = .built
    ) throws {
      let directory = try TemporaryDirectory()
      directory.makeWorldWritable()
      let endpoint = Endpoint.v4(try freePort())
      let arguments =
        ["-l", "\(endpoint)", "--idle", "50ms", "--handover", "adopt"] + options + ["--"]
        + (try server.command(port: endpoint.port, in: directory))
      try TorporProcess.run(arguments, wrapper: wrapper, confinement: confinement, binaries: binaries) { torpor in
        for life in 1...20 { try torpor.wakeAndRest(endpoint, server.exchange("life-\(life)")) }
        // Said in one line, at the first start.
        try #require(torpor.preloads == 1)
        try #require(torpor.count(of: .failed) == 0)
        try #require(torpor.count(of: .warning) == 0)
      }
    }

    /// What it has done to its socket before bind() is mended from inside.
    @Test(arguments: [
      [], ["--epoll-before-bind"], ["--dup-before-bind"], ["--bind-from-thread"], ["--blocking-accept"],
      ["--nonblocking"], ["--cloexec"], ["--v6-mapped"], ["--wildcard"], ["--wildcard6"], ["--bind-twice"],
      ["--epoll-before-bind", "--nonblocking", "--cloexec"], ["--epoll-before-bind", "--dup-before-bind"],
    ])
    func aServerIsServedHoweverItBinds(flags: [String]) throws {
      try OddServer.run(flags, options: ["--handover", "adopt"], confinement: .refuse) { torpor, endpoint in
        for _ in 1...3 {
          let client = try Client(connectingTo: endpoint)
          try client.ask(.ping)
          for _ in 0..<5 { try Client.ask(endpoint, .ping) }
          client.close()
          try torpor.waitFor(.rested)
          try torpor.requireNothingRuns()
        }
        try #require(torpor.preloads == 1)
        try #require(torpor.count(of: .failed) == 0)
        try #require(torpor.count(of: .warning) == 0)
      }
    }
  }
}
