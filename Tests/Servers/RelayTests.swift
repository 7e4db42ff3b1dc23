import Foundation
import Testing

extension ServerTests {
  /// A service that binds an address of its own, and gets its connections from torpor: its life, and what makes no sense.
  @Suite struct RelayTests: RelaySetups {
    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
    func redisServesTheFirstClientOfEachOfTwentyLives() throws {
      let directory = try TemporaryDirectory()
      let (front, back) = (Endpoint.v4(try freePort()), Endpoint.v4(try freePort()))
      let command = try RealServer.redis.command(port: back.port, in: directory)
      try TorporProcess.run(relay(front, back, "--idle", "50ms") + command) { torpor in
        for life in 1...20 { try torpor.wakeAndRest(front, RealServer.redis.exchange("life-\(life)")) }
        try #require(torpor.count(of: .failed) == 0)
        try #require(torpor.count(of: .left) == 0)
      }
    }

    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
    func noClientIsLostOrDelayedByARest() throws {
      let directory = try TemporaryDirectory()
      let (front, back) = (Endpoint.v4(try freePort()), Endpoint.v4(try freePort()))
      let command = try RealServer.redis.command(port: back.port, in: directory)
      try TorporProcess.run(relay(front, back, "--idle", "2ms") + command) { torpor in
        // Every exchange takes longer than without a relay, so that there is a gap less often.
        let hammer = try Hammer(front, request: "redis", clients: 2, meanPauseMicroseconds: 20_000)
        try torpor.watchRests(atLeast: HammerTests.stops, aborts: 0)
        let tally = try hammer.finish()
        print("hammer: relayed: stops=\(torpor.count(of: .rested)) requests=\(tally.requests) lost=\(tally.lost)")
        try #require(tally.lost == 0)
        try #require(tally.slow == 0)
        try #require(tally.ok == tally.requests)
        try #require(torpor.count(of: .failed) == 0)
      }
    }

    @Test func theServiceIsStartedWithoutASocketAndWithoutAFilter() throws {
      try serve { torpor, front in
        let client = try Client(connectingTo: front)
        try client.ask(.ping)
        let pid = try #require(try torpor.waitFor(.serving).pid)
        try #require(ProcessTable.environment(pid)["LISTEN_FDS"] == nil)
        try #require(ProcessTable.status(pid, "Seccomp") == "0")
        try #require(ProcessTable.listeners(pid, port: front.port).isEmpty)
      }
    }

    @Test func aSlowStartIsWaitedForInTheQueue() throws {
      try serve(flags: ["--slow-start-ms", "600"]) { torpor, front in
        let duration = try Client.ask(front, .ping)
        try #require(duration >= .milliseconds(600))
        try #require(try #require(try torpor.waitFor(.serving).milliseconds) >= 600)
        try torpor.waitFor(.rested)
        try torpor.requireNothingRuns()
      }
    }

    @Test func anOpenConnectionKeepsItAwake() throws {
      try serve { torpor, front in
        let client = try Client(connectingTo: front)
        try client.ask(.ping)
        try torpor.waitFor(.serving)
        try #require(try torpor.hears(noneOf: .resting, for: .seconds(1)))
        try client.ask(.ping)
        client.close()
        try torpor.waitFor(.rested)
      }
    }

    @Test func aConnectionFromAnIgnoredSourceDoesNotKeepItAwake() throws {
      try serve(idle: "2s", options: ["--ignore-source", "127.0.0.0/8"]) { torpor, front in
        let client = try Client(connectingTo: front)
        // It is answered nonetheless.
        try client.ask(.ping)
        try torpor.waitFor(.serving)
        try torpor.waitFor(.rested, within: .seconds(6))
        try client.expectEnd()
      }
    }

    @Test func aServiceThatIsStartedAtOnceRestsWhenNobodyComes() throws {
      try serve(options: ["--start"]) { torpor, front in
        try torpor.waitFor(.serving)
        try torpor.waitFor(.rested)
        try torpor.wakeAndRest(front)
      }
    }

    @Test func oneThatNeverListensHasFailedAndItsAddressIsNamed() throws {
      let (front, back) = (Endpoint.v4(try freePort()), Endpoint.v4(try freePort()))
      let arguments = relay(front, back, "--start-timeout", "300ms", "--stop-timeout", "300ms")
      try TorporProcess.run(arguments + ["sleep", "60"]) { torpor in
        let client = try Client(connectingTo: front)
        let failed = try torpor.waitFor(.failed)
        let reason = try #require(failed.reason)
        try #require(reason.contains("could not be reached at \(back) (Connection refused)"), "\(reason)")
        try #require(failed.waiting == 1)
        try #require(client.hearsNothing(for: .milliseconds(50)))
        try torpor.waitFor(.waking, within: .seconds(3))
      }
    }

    @Test func itsOwnWordIsWaitedForWhereThatIsAskedFor() throws {
      try serve(flags: ["--notify-ready-ms", "400"], options: ["--ready", "notify"]) { torpor, front in
        try #require(try Client.ask(front, .ping) >= .milliseconds(400))
        try torpor.waitFor(.serving)
        try torpor.waitFor(.rested)
      }
    }

    @Test(arguments: [
      (["--handover", "relay"], "--to 127.0.0.1"), (["--to", "127.0.0.1:1"], "--handover relay"),
      (["--proxy-protocol", "v1"], "--handover relay"), (["--handover", "relay", "--to", "*:80"], "'*:80'"),
      (["--handover", "relay", "--to", "127.0.0.1:1", "--proxy-protocol", "v3"], "v3"),
      (["--handover", "relay", "--to", "127.0.0.1:1", "--env", "A=%{fd}"], "--handover relay passes none"),
      (["--handover", "relay", "--to", "udp:53"], "a relay is for connections"),
      (["--handover", "relay", "--to", "seqpacket:@torpor.x"], "a relay is for connections"),
      (["--handover", "relay", "--to", "@torpor.x", "-l", "@torpor.x"], "torpor itself holds @torpor.x"),
      (["--handover", "relay", "--to", "127.0.0.1:1", "-l", "seqpacket:@torpor.x"], "can't be relayed"),
      (["--handover", "relay", "--to", "127.0.0.1:1", "-l", "dgram:@torpor.x"], "can't be relayed"),
      (["--handover", "relay", "--to", "127.0.0.1:1", "-l", "udp:127.0.0.1:1054"], "can't be relayed"),
    ])
    func whatMakesNoSenseIsTold(options: [String], told: String) throws {
      let outcome = try Outcome(of: ["-l", "127.0.0.1:\(try freePort())"] + options + ["--", "true"])
      #expect(outcome.status == .exited(2))
      #expect(outcome.errors.contains(told), "\(outcome.errors)")
    }

    @Test func anAddressThatIsHeldCanNotBeTheServicesOwn() throws {
      let port = try freePort()
      for held in ["127.0.0.1:\(port)", "*:\(port)", "0.0.0.0:\(port)"] {
        let outcome = try Outcome(of: ["-l", held, "--handover", "relay", "--to", "127.0.0.1:\(port)", "--", "true"])
        #expect(outcome.status == .exited(2))
        #expect(outcome.errors.contains("torpor itself holds 127.0.0.1:\(port)"), "\(outcome.errors)")
      }
    }
  }
}
