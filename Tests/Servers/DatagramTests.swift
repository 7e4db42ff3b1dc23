import Foundation
import Testing

extension OwnDataTests {
  /// UDP servers sleep, wake on a datagram, which they receive, and sleep again.
  @Suite struct DatagramTests {
    @Test(
      .enabled(if: DatagramServer.python.isInstalled, "python3 isn't installed"),
      arguments: ["adopt", "listen-fds", "auto"])
    func pythonAnswersTheFirstDatagramOfEachOfTwentyLives(handover: String) throws {
      try liveAndRest(.python, options: ["--handover", handover])
    }

    @Test(.enabled(if: DatagramServer.memcached.isInstalled, "memcached isn't installed"))
    func memcachedAnswersTheFirstDatagramOfEachOfTwentyLives() throws { try liveAndRest(.memcached) }

    private func liveAndRest(_ server: DatagramServer, options: [String] = []) throws {
      try run(server, idle: "50ms", options: options) { torpor, endpoint in
        for _ in 1...20 {
          let (serving, rested) = try torpor.wakeAndRest(endpoint, server.exchange, within: .seconds(20))
          try #require(try #require(serving.client).hasPrefix("127.0.0.1:"))
          try #require(try #require(rested.awakeSeconds) >= 0.05)
        }
        try #require(torpor.count(of: .failed) == 0)
        try #require(torpor.count(of: .left) == 0)
        try #require(torpor.count(of: .warning) == 0)
      }
    }

    @Test(.enabled(if: DatagramServer.python.isInstalled, "python3 isn't installed"))
    func noDatagramIsLostOrDelayedByARest() throws {
      try run(.python, idle: "2ms") { torpor, endpoint in
        let hammer = try Hammer(endpoint, request: "redis")
        // A datagram is there for a moment only, so that few rests are given up.
        try torpor.watchRests(atLeast: ServerTests.HammerTests.stops, aborts: 0)
        let tally = try hammer.finish()
        print(
          "hammer: python3, UDP: stops=\(torpor.count(of: .rested)) aborts=\(torpor.count(of: .restAborted))",
          "requests=\(tally.requests) held=\(tally.held) lost=\(tally.lost) slow=\(tally.slow)")
        try #require(tally.lost == 0)
        try #require(tally.slow == 0)
        try #require(tally.ok == tally.requests)
        try #require(tally.requests >= ServerTests.HammerTests.stops)
        try #require(torpor.count(of: .failed) == 0)
        try #require(torpor.count(of: .warning) == 0)
      }
    }

    @Test(.enabled(if: DatagramServer.python.isInstalled, "python3 isn't installed"))
    func aDatagramNowAndThenKeepsItUp() throws {
      try run(.python, idle: "1s") { torpor, endpoint in
        try Client.ask(endpoint, .ping)
        try torpor.waitFor(.serving)
        var last = 0.0
        for _ in 0..<6 {
          try #require(try torpor.hears(noneOf: .resting, .rested, .failed, for: .milliseconds(500)))
          last = wallClockSeconds()
          try Client.ask(endpoint, .ping)
        }
        let resting = try torpor.waitFor(.resting, within: .seconds(3))
        try #require(resting.time - last >= 1.0)
        // The stamp is exact: no look had to be in time.
        try #require(resting.time - last <= 1.125 + 0.15)
        try torpor.waitFor(.rested)
      }
    }

    @Test(.enabled(if: DatagramServer.python.isInstalled, "python3 isn't installed"))
    func everybodyWhoWaitedWhenItWokeIsAnswered() throws {
      try run(.python, idle: "100ms") { torpor, endpoint in
        let clients = try (0..<50).map { _ in try Client(connectingTo: endpoint) }
        for client in clients { try client.send(Exchange.ping.request) }
        for client in clients {
          let reply = try client.receive(within: .seconds(10)) { $0 == "+PONG\r\n" }
          try #require(reply == "+PONG\r\n")
        }
        try torpor.waitFor(.rested)
        try #require(torpor.count(of: .serving) == 1)
      }
    }

    @Test(.enabled(if: DatagramServer.python.isInstalled, "python3 isn't installed"))
    func anAddressInUseIsRefusedAtTheStart() throws {
      try run(.python, idle: "1s") { _, endpoint in
        let outcome = try Outcome(of: ["-l", "\(endpoint)", "--", "true"])
        #expect(outcome.status == .exited(1))
        #expect(outcome.errors.contains("torpor: \(endpoint) is in use"), "\(outcome.errors)")
      }
    }

    /// As socat's UDP-LISTEN does: with connect() a socket hears one client only.
    @Test(.enabled(if: DatagramServer.python.isInstalled, "python3 isn't installed"))
    func aSocketThatItsServerHasConnectedHearsEverybodyWhenThatHasGone() throws {
      try run(.connecting, idle: "1h") { torpor, endpoint in
        for _ in 1...3 {
          try Client.ask(endpoint, .ping)
          try torpor.waitFor(.left)
          try torpor.waitFor(.dormant)
        }
        try #require(torpor.count(of: .failed) == 0)
      }
    }

    /// With IP_RECVERR an answer to a client that has gone leaves an error, until the server asks for it: epoll tells of it
    /// unasked.
    @Test(.enabled(if: DatagramServer.python.isInstalled, "python3 isn't installed"))
    func anErrorThatNobodyTakesCostsNothingAndWakesNobody() throws {
      try run(.careless, idle: "1h") { torpor, endpoint in
        try Client.ask(endpoint, .ping)
        try torpor.waitFor(.serving)
        for life in 1...2 {
          let client = try Client(connectingTo: endpoint)
          // It is answered when it has gone; in the second life the server goes, too.
          try client.send(life == 1 ? "LATE" : "LAST")
          client.close()
          usleep(300_000)
          let before = try processorTicks(torpor.pid)
          usleep(500_000)
          #expect(try processorTicks(torpor.pid) - before < 10)
        }
        try torpor.waitFor(.left)
        try torpor.waitFor(.dormant)
        try #require(try torpor.hears(noneOf: .waking, .serving, .failed, for: .milliseconds(300)))
        try Client.ask(endpoint, .ping)
      }
    }

    /// Of 10 ms.
    private func processorTicks(_ pid: pid_t) throws -> Int {
      let fields = try #require(ProcessTable.statFields(pid))
      return try #require(Int(fields[11])) + (try #require(Int(fields[12])))
    }

    private func run(
      _ server: DatagramServer, idle: String, options: [String] = [],
      body: (TorporProcess, Endpoint) throws -> Void
    ) throws {
      let directory = try TemporaryDirectory()
      let endpoint = Endpoint.udp(try freePort())
      let command = try server.command(port: endpoint.port, in: directory)
      try TorporProcess.run(options + ["-l", "\(endpoint)", "--idle", idle, "--"] + command) { torpor in
        try body(torpor, endpoint)
      }
    }
  }
}
