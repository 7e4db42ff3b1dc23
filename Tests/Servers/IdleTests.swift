import Testing

extension OwnDataTests {
  /// Idle time is counted from the last evidence: never early, late by at most an eighth.
  @Suite struct IdleTests {
    @Test func anOpenConnectionKeepsTheServiceUpAndTheRestComesInTimeAfterItsEnd() throws {
      try OddServer.run(idle: "1s") { torpor, endpoint in
        let client = try Client(connectingTo: endpoint)
        try client.ask(.ping)
        try torpor.waitFor(.serving)
        try #require(try torpor.hears(noneOf: .resting, .rested, .failed, for: .milliseconds(2500)))
        try client.ask(.ping, within: .seconds(1))
        let before = wallClockSeconds()
        client.close()
        let after = wallClockSeconds()
        let resting = try torpor.waitFor(.resting, within: .seconds(3))
        try #require(resting.time - before >= 1.0)
        // An eighth of the timeout, and what a busy machine may need to run us.
        try #require(resting.time - after <= 1.125 + 0.15)
        try #require(try #require(resting.idleSeconds) >= 1.0)
        try torpor.waitFor(.rested)
      }
    }

    @Test func shortConnectionsBetweenTwoLooksKeepTheServiceUp() throws {
      try OddServer.run(idle: "1s") { torpor, endpoint in
        try Client.ask(endpoint, .ping)
        try torpor.waitFor(.serving)
        var last = 0.0
        for _ in 0..<10 {
          try #require(try torpor.hears(noneOf: .resting, .rested, .failed, for: .milliseconds(400)))
          last = wallClockSeconds()
          try Client.ask(endpoint, .ping)
        }
        let resting = try torpor.waitFor(.resting, within: .seconds(3))
        try #require(resting.time - last >= 1.0)
        try #require(resting.time - last <= 1.125 + 0.15)
        try torpor.waitFor(.rested)
        try #require(torpor.count(of: .serving) == 1)
      }
    }

    @Test func anInfiniteTimeoutNeverRests() throws {
      try OddServer.run(idle: "infinity") { torpor, endpoint in
        try Client.ask(endpoint, .ping)
        try torpor.waitFor(.serving)
        try #require(try torpor.hears(noneOf: .resting, .rested, .failed, for: .seconds(1)))
        try Client.ask(endpoint, .ping)
      }
    }

    @Test func aServiceThatIsStartedAtOnceRestsWithoutEverBeingUsed() throws {
      try OddServer.run(idle: "200ms", options: ["--start"]) { torpor, endpoint in
        let serving = try torpor.waitFor(.serving)
        let rested = try torpor.waitFor(.rested)
        try #require(rested.time - serving.time >= 0.2)
        try torpor.requireNothingRuns()
        try torpor.wakeAndRest(endpoint)
      }
    }
  }
}
