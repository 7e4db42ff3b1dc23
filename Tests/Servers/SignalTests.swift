import Glibc
import Testing

extension ServerTests {
  /// How torpor itself ends.
  @Suite struct SignalTests {
    @Test(arguments: [SIGTERM, SIGINT])
    func oneSignalStopsTheServiceAndThenTorpor(signal: Int32) throws {
      // Whoever takes its place needs the port at once, and nobody may still have it open for a moment.
      for _ in 1...15 {
        try OddServer.run(idle: "30s") { torpor, endpoint in
          try Client.ask(endpoint, .ping)
          let pid = try #require(try torpor.waitFor(.serving).pid)
          try torpor.stopGracefully(by: signal, within: .seconds(3))
          try #require(throws: ClientFailure.refused) { try Client(connectingTo: endpoint) }
          try #require(ProcessTable.isGone(pid))
          try torpor.waitFor(.stopping)
          try torpor.waitFor(.stopped)
        }
      }
    }

    @Test func aDormantTorporEndsAtOnce() throws {
      try OddServer.run { torpor, _ in try torpor.stopGracefully(within: .seconds(1)) }
    }

    @Test func aSecondSignalKillsAServiceThatIgnoresTheFirst() throws {
      try OddServer.run(["--ignore-sigterm"], idle: "30s") { torpor, endpoint in
        try Client.ask(endpoint, .ping)
        let pid = try #require(try torpor.waitFor(.serving).pid)
        torpor.process.send(SIGTERM)
        try torpor.waitFor(.stopping)
        try #require(torpor.process.waitForExit(within: .milliseconds(200)) == nil)
        torpor.process.send(SIGTERM)
        try #require(torpor.process.waitForExit(within: .seconds(1)) == .exited(0))
        try #require(ProcessTable.isGone(pid))
      }
    }

    @Test func aSignalDuringABackoffEndsTorporAtOnce() throws {
      try OddServer.run(["--exit-at-once", "1"]) { torpor, endpoint in
        let client = try Client(connectingTo: endpoint)
        try torpor.waitFor(.failed)
        try torpor.stopGracefully(within: .seconds(1))
        client.close()
      }
    }

    @Test func aSignalDuringAStartEndsTheStart() throws {
      try OddServer.run(["--hang-in-start"]) { torpor, endpoint in
        let client = try Client(connectingTo: endpoint)
        try torpor.waitFor(.waking)
        try torpor.stopGracefully(within: .seconds(3))
        client.close()
      }
    }
  }
}
