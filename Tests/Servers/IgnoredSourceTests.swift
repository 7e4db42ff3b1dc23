import Foundation
import Testing

extension OwnDataTests {
  /// Health checks by torpord: each is answered, and none keeps the service up.
  @Suite struct IgnoredSourceTests {
    /// With half an hour: what a check brings it up for isn't idle time.
    private static let settings = "IgnoreSource=127.0.0.0/8 ::1"

    @Test func aHealthCheckIsAnsweredAndTheServiceRestsAtOnce() throws {
      let endpoint = Endpoint.v4(try freePort())
      let units = ["one.torpor": OddServer.unit(endpoint, idle: "30min", more: Self.settings)]
      try ManagerProcess.run(units) { manager in
        let monitor = try EventMonitor(manager)
        for round in 1...5 {
          let took = try Client.ask(endpoint, .ping)
          let serving = try monitor.waitFor("serving", of: "one")
          let resting = try monitor.waitFor("resting", of: "one")
          try monitor.waitFor("rested", of: "one")
          let awake = resting.time - serving.time
          #expect(awake < 2, "round \(round)")
          print("health check \(round): answered after \(took), at rest again after \(awake) s")
        }
        #expect(try manager.status("one").wakesToday == 5)
      }
    }

    @Test func aCheckThatKeepsItsConnectionDoesNotKeepTheServiceUp() throws {
      let endpoint = Endpoint.v4(try freePort())
      let units = ["one.torpor": OddServer.unit(endpoint, idle: "30min", more: Self.settings)]
      try ManagerProcess.run(units) { manager in
        let monitor = try EventMonitor(manager)
        let client = try Client(connectingTo: endpoint)
        try client.ask(.ping)
        try monitor.waitFor("rested", of: "one")
        try client.expectEnd()
      }
    }

    @Test func checksOfARunningServiceDoNotKeepItUp() throws {
      let endpoint = Endpoint.v4(try freePort())
      // The other clients come by a path of their own.
      let directory = try TemporaryDirectory()
      let path = Endpoint.unix(directory.path("s"))
      let command = ["--socket", "\(endpoint)"]
      _ = command
      let unit = OddServer.unit(endpoint, idle: "2s", more: Self.settings)
      _ = path
      try ManagerProcess.run(["one.torpor": unit]) { manager in
        let monitor = try EventMonitor(manager)
        // Woken by its owner, so that it has its idle time.
        try manager.torpor("wake", "one")
        let begin = wallClockSeconds()
        var isUp = true
        while isUp, wallClockSeconds() - begin < 6 {
          try Client.ask(endpoint, .ping)
          isUp = try monitor.hears(noneOf: "resting", of: "one", for: .milliseconds(200))
        }
        let late = wallClockSeconds() - begin
        try #require(late >= 1.9 && late <= 2 * 1.125 + 1, "\(late) s")
        try monitor.waitFor("rested", of: "one")
      }
    }

    /// The first service, which a check may have woken, is one that has a minimum uptime.
    @Test func theMinimumUptimeIsKept() throws {
      let endpoint = Endpoint.v4(try freePort())
      let unit = OddServer.unit(endpoint, idle: "30min", more: Self.settings)
        .replacingOccurrences(of: "MinimumUptimeSec=0", with: "MinimumUptimeSec=2")
      try ManagerProcess.run(["one.torpor": unit]) { manager in
        let monitor = try EventMonitor(manager)
        try Client.ask(endpoint, .ping)
        let serving = try monitor.waitFor("serving", of: "one")
        let awake = try monitor.waitFor("resting", of: "one").time - serving.time
        // It is told a moment after it was so.
        #expect(awake >= 1.5 && awake <= 4, "\(awake) s")
      }
    }
  }
}
