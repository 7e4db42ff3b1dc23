import Testing

extension OwnDataTests {
  /// What can be held.
  @Suite(.enabled(if: Machine.hasIPv6, "has no IPv6 on the loopback interface")) struct AddressTests {
    @Test func anIPv6AddressIsHeld() throws {
      let endpoint = Endpoint.v6(try freePort())
      let arguments = ["-l", "\(endpoint)", "--idle", "50ms", "--"] + OddServer.command(endpoint)
      try TorporProcess.run(arguments) { torpor in
        try #require(torpor.events.first?.listening == ["\(endpoint)"])
        for _ in 1...3 { try torpor.wakeAndRest(endpoint) }
        #expect(throws: ClientFailure.refused) { try Client(connectingTo: .v4(endpoint.port)) }
      }
    }

    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
    func aPortAloneIsBothLoopbackAddresses() throws {
      let directory = try TemporaryDirectory()
      let port = try freePort()
      // Its own default: both.
      let command = ["redis-server", "--port", "\(port)", "--save", "", "--dir", directory.path]
      try TorporProcess.run(["-l", "\(port)", "--idle", "50ms", "--"] + command) { torpor in
        let listening = Set(try #require(torpor.events.first?.listening))
        try #require(listening == ["127.0.0.1:\(port)", "[::1]:\(port)"])
        for _ in 1...3 {
          try torpor.wakeAndRest(.v4(port))
          try torpor.wakeAndRest(.v6(port))
        }
        try #require(torpor.count(of: .neverBound) == 0)
      }
    }

    @Test(arguments: [["--wildcard6"], ["--wildcard"]])
    func everyAddressIsHeldByAStar(flags: [String]) throws {
      let port = try freePort()
      let arguments = ["-l", "*:\(port)", "--idle", "50ms", "--"] + OddServer.command(.v4(port), flags)
      try TorporProcess.run(arguments) { torpor in
        try torpor.wakeAndRest(.v4(port))
        try torpor.wakeAndRest(Endpoint(host: "127.0.0.2", port: port))
        try #require(torpor.count(of: .failed) == 0)
        if flags == ["--wildcard6"] { try torpor.wakeAndRest(.v6(port)) }
      }
    }

    /// Both families of every address, in the ways in which servers bind them: with IPV6_V6ONLY two sockets, without it one. nginx
    /// closes IPv4 clients that come by an IPv6 socket which it takes for one of IPv4: it has to be held as it binds.
    @Test(
      .enabled(if: RealServer.nginx.isInstalled, "nginx isn't installed"),
      arguments: [
        WildcardCase(held: ["0.0.0.0", "::"], bound: ["0.0.0.0", "::"]),
        WildcardCase(held: ["0.0.0.0", "::"], bound: ["::"], option: "ipv6only=off"),
        WildcardCase(held: ["*"], bound: ["::"], option: "ipv6only=off"),
        WildcardCase(held: ["::"], bound: ["::"], option: "ipv6only=off"),
      ])
    func everyAddressOfBothFamiliesIsServed(row: WildcardCase) throws {
      let port = try freePort()
      let directory = try TemporaryDirectory()
      let listen = row.held.flatMap { ["-l", $0 == "::" ? "[::]:\(port)" : "\($0):\(port)"] }
      let command = try Nginx.command(
        row.bound.map { Endpoint(host: $0, port: port) }, listenOptions: row.option,
        location: #"location / { return 200 "you asked for $uri\n"; }"#, in: directory)
      try TorporProcess.run(listen + ["--idle", "50ms", "--"] + command) { torpor in
        for life in 1...3 {
          let exchange = Exchange.http(path: "/life-\(life)", body: "you asked for /life-\(life)\n")
          for endpoint in [Endpoint.v4(port), .v6(port), Endpoint(host: "127.0.0.2", port: port)] {
            try torpor.wakeAndRest(endpoint, exchange)
          }
        }
        try #require(torpor.count(of: .failed) == 0)
        try #require(torpor.count(of: .left) == 0)
        try #require(torpor.count(of: .neverBound) == 0)
      }
    }

    @Test(.enabled(if: RealServer.nginx.isInstalled, "nginx isn't installed"))
    func anIPv6WildcardThatIsBoundForIPv6AloneIsServed() throws {
      let endpoint = Endpoint.v6(try freePort())
      let directory = try TemporaryDirectory()
      let command = try Nginx.command(
        [Endpoint(host: "::", port: endpoint.port)], listenOptions: "ipv6only=on",
        location: #"location / { return 200 "you asked for $uri\n"; }"#, in: directory)
      try TorporProcess.run(["-l", "[::]:\(endpoint.port)", "--idle", "50ms", "--"] + command) { torpor in
        for _ in 1...3 { try torpor.wakeAndRest(endpoint, .http(path: "/x", body: "you asked for /x\n")) }
        try #require(torpor.count(of: .failed) == 0)
        try #require(torpor.count(of: .neverBound) == 0)
      }
    }

    /// Nobody will ever be served there: its client is told, and the service isn't woken again for it.
    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"), arguments: [false, true])
    func anAddressThatTheServerNeverBindsWakesItOnce(isPath: Bool) throws {
      let directory = try TemporaryDirectory()
      let used = Endpoint.v4(try freePort())
      let unused = isPath ? Endpoint.unix(directory.path("unused.sock")) : .v6(try freePort())
      let command = try RealServer.redis.command(port: used.port, in: directory)
      let arguments =
        ["-l", "\(used)", "-l", "\(unused)", "--idle", "50ms", "--start-timeout", "1s", "--handover", "adopt", "--"]
      try TorporProcess.run(arguments + command) { torpor in
        let client = try Client(connectingTo: unused)
        try torpor.waitFor(.waking)
        try #require(try torpor.waitFor(.neverBound).sockets == ["\(unused)"])
        #expect(throws: (any Error).self) { try client.ask(.ping) }
        try torpor.waitFor(.rested)
        try #require(throws: (any Error).self) { try Client(connectingTo: unused) }
        try #require(try torpor.hears(noneOf: .waking, .neverBound, .failed, for: .milliseconds(500)))
        for _ in 1...3 { try torpor.wakeAndRest(used) }
        try #require(torpor.count(of: .neverBound) == 1)
        try #require(torpor.count(of: .failed) == 0)
      }
    }

    struct WildcardCase: Sendable, CustomTestStringConvertible {
      let held: [String]
      let bound: [String]
      var option = ""
      var testDescription: String { "held \(held), bound \(bound) \(option)" }
    }

    /// Two configurations that say different ports: told while somebody waits, or before it counts as started, and not
    /// when the start timeout is over.
    @Test(arguments: [false, true])
    func aServiceThatListensElsewhereIsToldOf(startsAtOnce: Bool) throws {
      let held = Endpoint.v4(try freePort())
      let bound = Endpoint.v4(try freePort())
      let options = ["-l", "\(held)", "--idle", "30s"] + (startsAtOnce ? ["--start"] : [])
      try TorporProcess.run(options + ["--"] + OddServer.command(bound)) { torpor in
        let clients = startsAtOnce ? [] : [try Client(connectingTo: held)]
        defer { for client in clients { client.close() } }
        let message = try #require(try torpor.waitFor(.warning, within: .seconds(8)).message)
        let told = "it has bound \(bound) and nothing yet of what is held for it (\(held))"
        #expect(message.contains(told), "\(message)")
        #expect(torpor.count(of: .failed) == 0)
        #expect(torpor.count(of: .serving) == 0)
      }
    }
  }
}
