import Foundation
import Testing

extension ServerTests {
  /// Frozen again and again while clients come at every moment: nobody is lost.
  @Suite(.enabled(if: Machine.canFreeze, "needs a cgroup v2 that can be written"))
  struct FrozenHammerTests {
    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
    func nobodyIsLostWhileItIsFrozenAgainAndAgain() throws {
      let rounds = Machine.number("TORPOR_HAMMER_FREEZES", default: 200)
      try FrozenService.run(RealServer.redis, idle: "5ms") { torpor, endpoint in
        let clients = try FrozenService.pool(of: 4, endpoint)
        try torpor.waitFor(.frozen)
        let before = try descriptors(of: torpor.pid)
        let hammer = try Hammer(endpoint, request: "redis", meanPauseMicroseconds: 30_000)
        let deadline = Deadline(after: .seconds(120))
        while torpor.count(of: .frozen) < rounds, !deadline.hasPassed { _ = try torpor.next(within: .seconds(20)) }
        let tally = try hammer.finish()
        print(
          "freeze: rounds=\(torpor.count(of: .frozen)) aborts=\(torpor.count(of: .restAborted)) requests=\(tally.requests)",
          "lost=\(tally.lost) slow=\(tally.slow) slowest=\(tally.max_ms ?? 0) ms")
        try #require(torpor.count(of: .frozen) >= rounds)
        try #require(tally.lost == 0 && tally.slow == 0 && tally.ok == tally.requests)
        for client in clients { try client.ask(.ping) }
        try #require(torpor.count(of: .serving) == 1)
        let after = try descriptors(of: torpor.pid)
        #expect(after <= before, "\(before) descriptors before, \(after) after")
      }
    }

    /// The least of some readings: what helpers have is closed a moment later.
    private func descriptors(of pid: pid_t) throws -> Int {
      var readings: [Int] = []
      for _ in 0..<20 {
        readings.append(try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count)
        usleep(20_000)
      }
      return readings.min() ?? 0
    }

    @Test(.enabled(if: RealServer.nginx.isInstalled, "nginx isn't installed"))
    func nobodyIsLostWhileNginxIsFrozenAgainAndAgain() throws {
      // A master and a worker.
      try FrozenService.run(RealServer.nginx, idle: "5ms") { torpor, endpoint in
        let hammer = try Hammer(
          endpoint, .http("/again", body: "you asked for /again\n"), clients: 4, meanPause: .milliseconds(30))
        let deadline = Deadline(after: .seconds(60))
        while torpor.count(of: .frozen) < 100, !deadline.hasPassed { _ = try torpor.next(within: .seconds(20)) }
        let tally = try hammer.finish()
        print("freeze: nginx: rounds=\(torpor.count(of: .frozen)) requests=\(tally.requests) lost=\(tally.lost)")
        try #require(torpor.count(of: .frozen) >= 100)
        try #require(tally.lost == 0 && tally.slow == 0 && tally.ok == tally.requests)
      }
    }
  }
}
