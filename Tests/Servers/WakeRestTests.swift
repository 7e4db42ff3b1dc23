import Glibc
import Testing

extension OwnDataTests {
  /// Unmodified servers sleep, wake on a connection, and sleep again.
  @Suite struct WakeRestTests {
    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
    func redisServesTheFirstClientOfEachOfTwentyLives() throws { try liveAndRest(.redis) }

    @Test(.enabled(if: RealServer.nginx.isInstalled, "nginx isn't installed"))
    func nginxWithAWorkerServesTheFirstClientOfEachOfTwentyLives() throws { try liveAndRest(.nginx) }

    @Test(.enabled(if: RealServer.nginxSingle.isInstalled, "nginx isn't installed"))
    func nginxWithoutAMasterServesTheFirstClientOfEachOfTwentyLives() throws { try liveAndRest(.nginxSingle) }

    @Test(.enabled(if: RealServer.nginxDaemon.isInstalled, "nginx isn't installed"))
    func nginxThatGoesToTheBackgroundServesTheFirstClientOfEachOfTwentyLives() throws { try liveAndRest(.nginxDaemon) }

    @Test(.enabled(if: RealServer.memcached.isInstalled, "memcached isn't installed"))
    func memcachedServesTheFirstClientOfEachOfTwentyLives() throws { try liveAndRest(.memcached) }

    @Test(.enabled(if: RealServer.python.isInstalled, "python3 isn't installed"))
    func pythonServesTheFirstClientOfEachOfTwentyLives() throws { try liveAndRest(.python) }

    @Test(.enabled(if: RealServer.node.isInstalled, "node isn't installed"))
    func nodeServesTheFirstClientOfEachOfTwentyLives() throws { try liveAndRest(.node) }

    /// The same without root's rights: the filter needs NO_NEW_PRIVS then, and migration can't be switched on.
    @Test(
      .enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"),
      .enabled(if: Machine.canBecomeNobody, "needs root and setpriv, to become an ordinary user"))
    func redisServesTheFirstClientOfEachOfTwentyLivesUnderAnOrdinaryUser() throws {
      let copies = try TemporaryDirectory()
      try liveAndRest(.redis, wrapper: Machine.asNobody, binaries: Binaries.built.copied(to: copies))
    }

    private func liveAndRest(
      _ server: RealServer, wrapper: [String] = [], binaries: Binaries = .built
    ) throws {
      let directory = try TemporaryDirectory()
      directory.makeWorldWritable()
      let endpoint = Endpoint.v4(try freePort())
      let arguments =
        ["-l", "\(endpoint)", "--idle", "50ms", "--"] + (try server.command(port: endpoint.port, in: directory))
      try TorporProcess.run(arguments, wrapper: wrapper, binaries: binaries) { torpor in
        var earlier: Set<pid_t> = []
        for life in 1...20 {
          let (serving, rested) = try torpor.wakeAndRest(endpoint, server.exchange("life-\(life)"))
          let pid = try #require(serving.pid)
          try #require(earlier.insert(pid).inserted, "life \(life) had the process of an earlier one")
          try #require(try #require(serving.milliseconds) > 0)
          try #require(try #require(rested.awakeSeconds) >= 0.05)
        }
        try #require(torpor.count(of: .failed) == 0)
        try #require(torpor.count(of: .left) == 0)
      }
    }
  }
}
