import Glibc
import Testing

extension ServerTests {
  /// What a person reads, and what a program reads.
  @Suite struct NarrationTests {
    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
    func aLifeIsToldOnStandardError() throws {
      let directory = try TemporaryDirectory()
      let endpoint = Endpoint.v4(try freePort())
      let command = try RealServer.redis.command(port: endpoint.port, in: directory)
      let torpor = try ChildProcess(
        [Binaries.built.torpor, "run", "-l", "\(endpoint)", "--idle", "250ms", "--"] + command)
      defer { torpor.endWithDescendants() }
      try #require(
        torpor.errors.contains("torpor: redis-server is dormant, listening on \(endpoint)", within: .seconds(10)),
        "\(torpor.errors.text)")
      let client = try Client(connectingTo: endpoint)
      try client.ask(.ping)
      let woken = "torpor: woken by \(client.localAddress) (\(ownName)[\(getpid())]); serving after "
      try #require(torpor.errors.contains(woken, within: .seconds(5)), "\(torpor.errors.text)")
      client.close()
      let dormantAgain = "torpor: redis-server is dormant again after "
      try #require(torpor.errors.contains(dormantAgain, within: .seconds(5)), "\(torpor.errors.text)")
      let hasToldIdleTime = torpor.errors.all.contains {
        $0.hasPrefix("torpor: idle for 2") && $0.hasSuffix(" ms, resting")
      }
      try #require(hasToldIdleTime, "\(torpor.errors.text)")
      torpor.send(SIGTERM)
      try #require(torpor.waitForExit(within: .seconds(5)) == .exited(0))
    }

    @Test func whoWokeTheServiceIsKnown() throws {
      try OddServer.run(options: ["--name", "odd-one"]) { torpor, endpoint in
        let client = try Client(connectingTo: endpoint)
        let waking = try torpor.waitFor(.waking)
        try #require(waking.client == client.localAddress)
        try client.ask(.ping)
        // Its process is looked up when nobody waits for that any more.
        let serving = try torpor.waitFor(.serving)
        try #require(serving.client == client.localAddress)
        try #require(serving.process == ownName)
        try #require(serving.clientPid == getpid())
        client.close()
        try torpor.waitFor(.rested)
        try #require(torpor.events.allSatisfy { $0.service == "odd-one" })
        try #require(zip(torpor.events, torpor.events.dropFirst()).allSatisfy { $0.time <= $1.time })
      }
    }

    @Test func everyEventOfALifeIsToldInItsOrder() throws {
      try OddServer.run { torpor, endpoint in
        try torpor.wakeAndRest(endpoint)
        try torpor.waitFor(.dormant)
        try torpor.stopGracefully()
        try torpor.waitFor(.stopped)
        try #require(
          torpor.events.map(\.event) == [.dormant, .waking, .serving, .resting, .rested, .dormant, .stopped])
        try #require(torpor.events.first?.listening == ["\(endpoint)"])
      }
    }

    private var ownName: String { ProcessTable.name(getpid()) ?? "" }
  }
}
