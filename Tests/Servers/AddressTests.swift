import Testing

extension ServerTests {
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
  }
}
