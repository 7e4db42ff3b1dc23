import Foundation
import Testing

extension OwnDataTests {
  /// Services that don't end, or not only, when they are told to.
  @Suite struct StopTests {
    @Test func aServiceThatIgnoresSIGTERMIsKilledAndAClientThatCameMeanwhileIsServedByTheNextInstance() throws {
      try OddServer.run(["--ignore-sigterm"], options: ["--stop-timeout", "300ms"]) { torpor, endpoint in
        try Client.ask(endpoint, .ping)
        let first = try torpor.waitFor(.serving)
        var resting = try torpor.waitFor(.resting)
        // One that comes before new connections are steered away is still answered at once, and the rest is given up for it.
        var attempts = 0
        while try Client.ask(endpoint, .ping, within: .seconds(3)) < .milliseconds(100) {
          attempts += 1
          try #require(attempts < 100)
          resting = try torpor.waitFor(.resting)
        }
        let timedOut = try torpor.waitFor(.stopTimedOut)
        try #require(timedOut.seconds == 0.3)
        try #require(timedOut.time - resting.time >= 0.3)
        try torpor.waitFor(.rested)
        try #require(ProcessTable.isGone(try #require(first.pid)))
        let second = try torpor.waitFor(.serving)
        try #require(second.pid != first.pid)
      }
    }

    @Test(arguments: ["USR1", "SIGKILL"])
    func aServiceIsToldToEndByTheSignalThatItHeeds(signal: String) throws {
      try OddServer.run(["--ignore-sigterm"], options: ["--stop-signal", signal]) { torpor, endpoint in
        for _ in 1...3 {
          try Client.ask(endpoint, .ping)
          try torpor.waitFor(.rested)
        }
        try #require(torpor.count(of: .stopTimedOut) == 0)
        try #require(torpor.count(of: .failed) == 0)
        try torpor.requireNothingRuns()
      }
    }

    @Test func aServiceThatGoesToTheBackgroundIsFollowedThere() throws {
      try OddServer.run(["--background"]) { torpor, endpoint in
        for life in 1...3 {
          try Client.ask(endpoint, .ping)
          try torpor.waitFor(.rested)
          try #require(torpor.count(of: .serving) == life)
          try #require(torpor.count(of: .background) >= life)
          try torpor.requireNothingRuns()
        }
        try #require(torpor.count(of: .failed) == 0)
        try #require(torpor.count(of: .left) == 0)
      }
    }

    @Test func childrenThatOutliveTheServiceAreEndedWithIt() throws {
      try OddServer.run(["--fork-child"]) { torpor, endpoint in
        let client = try Client(connectingTo: endpoint)
        try client.ask(.ping)
        try torpor.waitFor(.serving)
        torpor.learnDescendants()
        try #require(torpor.livingServices.count == 2)
        client.close()
        // It ignores SIGTERM, so that it takes SIGKILL.
        try torpor.waitFor(.leftoversKilled)
        try torpor.waitFor(.rested)
        try torpor.requireNothingRuns()
        try Client.ask(endpoint, .ping)
      }
    }

    @Test func noClientIsLostToAServiceThatShutsItsListenerDownWhenItIsTold() throws {
      try OddServer.run(["--shutdown-listener-on-term"], idle: "2ms") { torpor, endpoint in
        let hammer = try Hammer(endpoint, request: "redis")
        try torpor.watchRests(atLeast: 100, aborts: 0)
        let tally = try hammer.finish()
        try #require(tally.lost == 0)
        try #require(tally.slow == 0)
        try #require(torpor.count(of: .failed) == 0)
      }
    }

    @Test func aListenerThatTheServiceShutsDownListensAgain() throws {
      try OddServer.run(["--shutdown-listener-after-ms", "200"], idle: "1s") { torpor, endpoint in
        try Client.ask(endpoint, .ping)
        let event = try torpor.waitFor(.listenerShutDown)
        try #require(event.socket == "\(endpoint)")
        try Client.ask(endpoint, .ping, within: .seconds(4))
        try torpor.waitFor(.rested)
        try torpor.requireNothingRuns()
        try Client.ask(endpoint, .ping)
      }
    }
  }
}
