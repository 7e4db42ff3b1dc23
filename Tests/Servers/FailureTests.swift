import Foundation
import Testing

extension OwnDataTests {
  /// A service that can't start or dies: tried again with growing waits as long as somebody waits, and never a spawn storm.
  @Suite struct FailureTests {
    @Test func aServiceThatExitsAtOnceIsRetriedWithGrowingWaitsAndItsClientIsServedInTheEnd() throws {
      let directory = try TemporaryDirectory()
      let endpoint = Endpoint.v4(try freePort())
      let script = try directory.write(
        """
        #!/bin/sh
        echo start >> \(directory.path("starts"))
        [ -e \(directory.path("good")) ] || { echo "no database yet" >&2; exit 3; }
        exec \(OddServer.command(endpoint).joined(separator: " "))
        """, to: "server.sh", mode: 0o755)
      try TorporProcess.run(["-l", "\(endpoint)", "--idle", "50ms", "--", script]) { torpor in
        let client = try Client(connectingTo: endpoint)
        try client.send(Exchange.ping.request)
        let first = try torpor.waitFor(.failed)
        try requireExitTold(first, status: 3, lastLine: "no database yet")
        try #require(first.waiting == 1)
        try #require(try #require(first.retrySeconds) == 1)
        let second = try torpor.waitFor(.failed)
        try #require(second.time - first.time >= 1.0)
        try #require(second.time - first.time <= 1.5)
        try #require(try #require(second.retrySeconds) == 2)
        try #require(second.waiting == 1)

        let rest = first.time + 4 - wallClockSeconds()
        try #require(try torpor.hears(noneOf: .serving, for: .seconds(rest)))
        try #require(directory.lines(of: "starts").count <= 3)

        try directory.write("", to: "good")
        // Asked before the first start, answered by the fourth.
        let reply = try client.receive(within: .seconds(6), until: Exchange.ping.isComplete)
        try #require(Exchange.ping.isRight(reply))
        client.close()
        try torpor.waitFor(.serving)
        try torpor.waitFor(.rested)
        try torpor.requireNothingRuns()
      }
    }

    @Test func aServiceThatHangsInItsStartIsStoppedAndItsClientGoesOnWaiting() throws {
      try OddServer.run(
        ["--hang-in-start"], options: ["--start-timeout", "300ms", "--stop-timeout", "300ms"]
      ) { torpor, endpoint in
        let client = try Client(connectingTo: endpoint)
        try client.send(Exchange.ping.request)
        let waking = try torpor.waitFor(.waking)
        torpor.learnDescendants()
        try #require(torpor.livingServices.count == 1)
        let failed = try torpor.waitFor(.failed, within: .seconds(3))
        try #require(failed.time - waking.time >= 0.28)
        try #require(failed.waiting == 1)
        try #require(try #require(failed.reason).isEmpty == false)
        try #require(torpor.livingServices.isEmpty)
        try #require(client.hearsNothing(for: .milliseconds(50)))
        try torpor.waitFor(.waking, within: .seconds(3))
        client.close()
      }
    }

    @Test func aServiceThatCrashesOnARequestIsStartedAgainForTheNextClientAfterAWait() throws {
      let directory = try TemporaryDirectory()
      let endpoint = Endpoint.v4(try freePort())
      let command = OddServer.command(endpoint).joined(separator: " ")
      let script = try directory.write(
        """
        #!/bin/sh
        [ -e \(directory.path("crashed")) ] && exec \(command)
        touch \(directory.path("crashed"))
        exec \(command) --crash-on-request
        """, to: "server.sh", mode: 0o755)
      try TorporProcess.run(["-l", "\(endpoint)", "--idle", "50ms", "--", script]) { torpor in
        let unlucky = try Client(connectingTo: endpoint)
        try unlucky.send("CRASH\r\n")
        #expect(throws: ClientFailure.self) { try unlucky.receive { $0.isEmpty == false } }
        let failed = try torpor.waitFor(.failed)
        try #require(try #require(failed.reason).lowercased().contains("sig"), "\(failed.reason ?? "")")
        try #require(failed.retrySeconds == 1)
        try Client.ask(endpoint, .ping, within: .seconds(3))
        let serving = try torpor.waitFor(.serving)
        try #require(serving.time - failed.time >= 1.0)
        try torpor.waitFor(.rested)
        try torpor.requireNothingRuns()
      }
    }

    @Test func aRunningServiceThatDiesWithoutClientsIsReportedAndLeftDormant() throws {
      try OddServer.run(["--exit-after-ms", "200", "3", "--stderr-line", "out of luck"], idle: "30s") {
        torpor, endpoint in
        try Client.ask(endpoint, .ping)
        let failed = try torpor.waitFor(.failed)
        try requireExitTold(failed, status: 3, lastLine: "out of luck")
        try #require(failed.waiting == 0)
        try torpor.waitFor(.dormant, within: .seconds(3))
        try #require(torpor.count(of: .waking) == 1)
        try torpor.requireNothingRuns()
        try Client.ask(endpoint, .ping, within: .seconds(3))
      }
    }

    @Test func aServerThatEndsWellAfterEachConnectionIsNotHeldBack() throws {
      try OddServer.run(["--one-shot"], idle: "30s") { torpor, endpoint in
        for _ in 0..<5 {
          let duration = try Client.ask(endpoint, .ping)
          try #require(duration < .milliseconds(500))
        }
        for _ in 0..<5 { try torpor.waitFor(.left) }
        try #require(torpor.count(of: .failed) == 0)
        try torpor.requireNothingRuns()
      }
    }

    @Test func oneThatEndsWellWithoutEverServingIsHeldBack() throws {
      try OddServer.run(["--exit-at-once", "0"]) { torpor, endpoint in
        let client = try Client(connectingTo: endpoint)
        try torpor.waitFor(.failed)
        try #require(try torpor.hears(noneOf: .serving, for: .seconds(2.5)))
        try #require(torpor.count(of: .waking) <= 3)
        client.close()
      }
    }

    private func requireExitTold(_ failed: TorporEvent, status: Int, lastLine: String) throws {
      try #require(try #require(failed.reason).contains("\(status)"), "\(failed.reason ?? "")")
      try #require(failed.lastLine == lastLine)
    }
  }
}
