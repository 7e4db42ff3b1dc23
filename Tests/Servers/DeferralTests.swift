import Foundation
import Testing

extension OwnDataTests {
  /// With `--ready notify` nobody meets a server that is still loading.
  @Suite struct DeferralTests {
    // MARK: real servers

    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
    func theFirstClientOfEachOfTenLivesIsAnsweredByALoadedRedis() throws {
      let dataset = try LoadingServer.makeDataset()
      let endpoint = Endpoint.v4(try freePort())
      let command = LoadingServer.redis(["--port", "\(endpoint.port)"], dataset)
      try TorporProcess.run(["-l", "\(endpoint)", "--idle", "50ms", "--ready", "notify", "--"] + command) { torpor in
        for _ in 1...10 { try torpor.wakeAndRest(endpoint, within: .seconds(30)) }
        try requireNoTrouble(torpor)
      }
    }

    /// Without it, the same redis says that it is loading: else the test above could not fail.
    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
    func withoutDeferralTheFirstClientMeetsALoadingRedis() throws {
      let dataset = try LoadingServer.makeDataset()
      let endpoint = Endpoint.v4(try freePort())
      let command = LoadingServer.redis(["--port", "\(endpoint.port)"], dataset)
      try TorporProcess.run(["-l", "\(endpoint)", "--idle", "50ms", "--"] + command) { _ in
        let client = try Client(connectingTo: endpoint)
        try client.send(Exchange.ping.request)
        try #require(try client.receive { $0.hasSuffix("\r\n") }.hasPrefix("-LOADING"))
      }
    }

    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
    func theSameHoldsAtAUnixPath() throws {
      let dataset = try LoadingServer.makeDataset()
      let directory = try TemporaryDirectory()
      let path = directory.path("redis-held.sock")
      let command = LoadingServer.redis(["--port", "0", "--unixsocket", path], dataset)
      try TorporProcess.run(["-l", path, "--idle", "50ms", "--ready", "notify", "--"] + command) { torpor in
        for _ in 1...3 { try torpor.wakeAndRest(.unix(path), within: .seconds(30)) }
        try requireNoTrouble(torpor)
      }
    }

    @Test(.enabled(if: LoadingServer.hasPostgres, "needs root and a PostgreSQL that was built with libsystemd"))
    func theFirstClientOfEachOfTenLivesHasASessionWithPostgres() throws {
      try withPostgres(["--ready", "notify"]) { torpor, endpoint in
        for _ in 1...10 { try torpor.wakeAndRest(endpoint, LoadingServer.postgresSession, within: .seconds(30)) }
        try requireNoTrouble(torpor)
      }
    }

    @Test(.enabled(if: LoadingServer.hasPostgres, "needs root and a PostgreSQL that was built with libsystemd"))
    func withoutDeferralTheFirstClientIsToldThatPostgresIsStarting() throws {
      try withPostgres([]) { _, endpoint in
        let client = try Client(connectingTo: endpoint)
        try client.send(LoadingServer.postgresSession.request)
        try #require(try client.receiveToEnd().contains("57P03"))
      }
    }

    private func withPostgres(_ options: [String], _ body: (TorporProcess, Endpoint) throws -> Void) throws {
      let directory = try TemporaryDirectory()
      let data = try LoadingServer.initializePostgres(in: directory)
      let endpoint = Endpoint.v4(try freePort())
      let command = [
        try #require(LoadingServer.postgres) + "/postgres", "-D", data, "-p", "\(endpoint.port)", "-h", "127.0.0.1",
        "-k", "", "-F",
      ]
      let arguments = ["-l", "\(endpoint)", "--idle", "50ms", "--user", "postgres"] + options + ["--"] + command
      try TorporProcess.run(arguments) { try body($0, endpoint) }
    }

    // MARK: what a server may have done to its socket by then

    @Test(
      .enabled(if: LoadingServer.pythonProgram != nil, "python3 isn't installed"),
      arguments: [[], ["dup"], ["blocked"], ["fork-after"], ["fork-briefly"], ["twice"]])
    func theHeldSocketReplacesItsOwnWhereverItHasThat(flags: [String]) throws {
      try withLoading(flags) { torpor, endpoint in
        for _ in 1...3 {
          let client = try Client(connectingTo: endpoint)
          try client.ask(.ping)
          let pid = try #require(try torpor.waitFor(.serving).pid)
          for _ in 1...3 { try Client.ask(endpoint, .ping) }
          // Its own is gone, and with it the address that nobody knew.
          let own = Set(ProcessTable.descriptors(pid).values)
          let held = Set(ProcessTable.descriptors(torpor.pid).values)
          let listening = own.intersection(listeningSockets())
          try #require(!listening.isEmpty && listening.isSubset(of: held))
          client.close()
          try torpor.waitFor(.rested)
          try torpor.requireNothingRuns()
        }
        try requireNoTrouble(torpor)
      }
    }

    /// Else none of these tests could fail.
    @Test(.enabled(if: LoadingServer.pythonProgram != nil, "python3 isn't installed"))
    func withoutDeferralItAnswersThatItIsLoading() throws {
      try withLoading([], ready: "auto") { _, endpoint in
        #expect(throws: WrongAnswer.self) { try Client.ask(endpoint, .ping) }
      }
    }

    // MARK: who can't be given the held socket

    @Test(
      .enabled(if: LoadingServer.pythonProgram != nil, "python3 isn't installed"),
      arguments: ["sendto", "connected", "fork-before"], [false, true])
    func whoCannotBeReachedAtReadinessIsRelayedToAndThatIsSaidOnce(flag: String, atPath: Bool) throws {
      try withLoading([flag], atPath: atPath) { torpor, endpoint in
        for _ in 1...3 {
          let client = try Client(connectingTo: endpoint)
          try client.ask(.ping)
          try torpor.waitFor(.serving)
          for _ in 1...3 { try Client.ask(endpoint, .ping) }
          // A relayed connection keeps it up, too.
          try #require(try torpor.hears(noneOf: .resting, .rested, for: .milliseconds(300)))
          try client.ask(.ping)
          client.close()
          try torpor.waitFor(.rested)
          try torpor.requireNothingRuns()
        }
        try #require(torpor.count(of: .failed) == 0)
        let warnings = torpor.events.filter { $0.event == .warning }.compactMap(\.message)
        try #require(warnings.count == 1)
        try #require(try #require(warnings.first).contains("\(endpoint) are relayed"))
      }
    }

    @Test(.enabled(if: LoadingServer.pythonProgram != nil, "python3 isn't installed"), arguments: [false, true])
    func nobodyIsRelayedToAServiceThatHasDied(atPath: Bool) throws {
      try withLoading(["sendto"], atPath: atPath) { torpor, endpoint in
        let client = try Client(connectingTo: endpoint)
        try client.ask(.ping)
        let pid = try #require(try torpor.waitFor(.serving).pid)
        kill(pid, SIGKILL)
        #expect(throws: (any Error).self) { try client.ask(.ping) }
        // By now its end is known. What the client still says leads nowhere, so its connection is closed, too.
        try torpor.waitFor(.failed)
        #expect(throws: ClientFailure.reset) {
          for _ in 1...20 {
            try client.send(Exchange.ping.request)
            usleep(50_000)
          }
        }
        try Client.ask(endpoint, .ping)
        try torpor.waitFor(.serving)
        try torpor.waitFor(.rested)
      }
    }

    // MARK: starts that fail

    @Test(.enabled(if: LoadingServer.pythonProgram != nil, "python3 isn't installed"))
    func whoWaitsWhenItDiesLoadingIsServedByItsNextTry() throws {
      try withLoading(["crash"]) { torpor, endpoint in
        let client = try Client(connectingTo: endpoint)
        try client.send(Exchange.ping.request)
        try #require(try torpor.waitFor(.failed).waiting == 1)
        let reply = try client.receive(until: Exchange.ping.isComplete)
        try #require(Exchange.ping.isRight(reply))
        client.close()
        try torpor.waitFor(.rested)
        try #require(torpor.count(of: .failed) == 1)
      }
    }

    @Test(.enabled(if: LoadingServer.pythonProgram != nil, "python3 isn't installed"))
    func aServerThatIsNeverReadyTimesOutAndItsClientGoesOnWaiting() throws {
      try withLoading(["never"], options: ["--start-timeout", "700ms"]) { torpor, endpoint in
        let client = try Client(connectingTo: endpoint)
        try client.send(Exchange.ping.request)
        let failed = try torpor.waitFor(.failed)
        try #require(failed.waiting == 1)
        try #require(failed.reason?.contains("it has not said READY=1") == true)
        try #require(client.hearsNothing(for: .milliseconds(100)))
      }
    }

    private func withLoading(
      _ flags: [String], atPath: Bool = false, ready: String = "notify", options: [String] = [],
      _ body: (TorporProcess, Endpoint) throws -> Void
    ) throws {
      let directory = try TemporaryDirectory()
      let endpoint = atPath ? Endpoint.unix(directory.path("held.sock")) : .v4(try freePort())
      let command = try LoadingServer.command(endpoint.path ?? "\(endpoint.port)", flags, in: directory)
      let arguments = ["-l", "\(endpoint)", "--idle", "100ms", "--ready", ready] + options + ["--"] + command
      try TorporProcess.run(arguments) { try body($0, endpoint) }
    }

    private func requireNoTrouble(_ torpor: TorporProcess) throws {
      try #require(torpor.count(of: .failed) == 0)
      try #require(torpor.count(of: .left) == 0)
      try #require(torpor.count(of: .warning) == 0)
    }

    /// "socket:[inode]" of each IPv4 TCP socket that listens.
    private func listeningSockets() -> Set<String> {
      let lines = (ProcessTable.contents(of: "/proc/net/tcp") ?? "").split(separator: "\n").dropFirst()
      return Set(
        lines.compactMap { line in
          let fields = line.split(separator: " ")
          return fields.count > 9 && fields[3] == "0A" ? "socket:[\(fields[9])]" : nil
        })
    }
  }
}
