import Foundation
import Testing

extension OwnDataTests {
  /// What [Unit] says: whether a unit is to be held and started at all, and whom its end starts.
  @Suite struct ConditionTests {
    private static func isListening(_ endpoint: Endpoint) -> Bool {
      !TCPSocket.all(localPort: endpoint.port, .listening).isEmpty
    }

    @Test func aUnitWhoseConditionIsNotMetIsHeldFromTheReloadAtWhichItIs() throws {
      let directory = try TemporaryDirectory()
      let (one, two) = (Endpoint.v4(try freePort()), Endpoint.v4(try freePort()))
      let units = [
        "one.torpor": "[Unit]\nConditionPathExists=\(directory.path("there"))\n" + OddServer.unit(one),
        "two.torpor": "[Unit]\nConditionPathExists=!\(directory.path("there"))\nAssertPathIsDirectory=/usr\n"
          + OddServer.unit(two),
      ]
      try ManagerProcess.run(units) { manager in
        #expect(try manager.status("one").state == "invalid")
        #expect(
          manager.process.errors.contains(
            "one: not held: ConditionPathExists=\(directory.path("there")) is not so", within: .seconds(5)))
        #expect(!Self.isListening(one))
        try Client.ask(two, .ping)
        try directory.write("", to: "there")
        try manager.torpor("reload")
        try Client.ask(one, .ping)
      }
    }

    @Test func aServiceWhoseConditionIsNotMetIsNotStartedAndHasNotFailed() throws {
      let directory = try TemporaryDirectory()
      let (endpoint, other) = (Endpoint.v4(try freePort()), Endpoint.v4(try freePort()))
      let parts = OddServer.unit(endpoint).split(separator: "[Service]", maxSplits: 1)
      let units = [
        "one.socket": String(parts[0]),
        "one.service":
          "[Unit]\nConditionFileNotEmpty=\(directory.path("licence"))\nOnFailure=other.service\n[Service]\(parts[1])",
        "other.torpor": OddServer.unit(other, idle: "1h"),
      ]
      try ManagerProcess.run(units) { manager in
        let client = try Client(connectingTo: endpoint)
        try manager.waitFor("failed", of: "one")
        #expect(
          manager.process.errors.contains(
            "is not to be started: ConditionFileNotEmpty=\(directory.path("licence")) is not so",
            within: .seconds(5)))
        #expect(manager.services.isEmpty)
        try directory.write("mine", to: "licence")
        // It is tried again as long as somebody waits.
        try client.ask(.ping, within: .seconds(20))
        #expect(try manager.status("other").state == "dormant")
      }
    }

    @Test func whatAUnitsEndStartsIsStarted() throws {
      let (bad, good, helper) = (
        Endpoint.v4(try freePort()), Endpoint.v4(try freePort()), Endpoint.v4(try freePort())
      )
      let units = [
        "bad.torpor": "[Unit]\nOnFailure=helper@%p.service\n"
          + OddServer.unit(bad).replacingOccurrences(of: "ExecStart=", with: "ExecStart=/bin/false "),
        "good.torpor": "[Unit]\nOnSuccess=second.service\n" + OddServer.unit(good, idle: "50ms"),
        "helper@bad.torpor": OddServer.unit(helper, idle: "1h"),
        "second.torpor": OddServer.unit(Endpoint.v4(try freePort()), idle: "1h"),
      ]
      try ManagerProcess.run(units) { manager in
        let client = try Client(connectingTo: bad)
        try manager.waitFor("running", of: "helper@bad")
        client.close()
        try Client.ask(good, .ping)
        try manager.waitFor("running", of: "second")
      }
    }

    /// Two that start each other when they fail.
    @Test func aCircleOfFailuresIsNoStorm() throws {
      func unit(_ other: String) throws -> String {
        "[Unit]\nOnFailure=\(other).service\n"
          + OddServer.unit(Endpoint.v4(try freePort())).replacingOccurrences(
            of: "ExecStart=", with: "ExecStart=/bin/false ")
      }
      try ManagerProcess.run(["one.torpor": try unit("two"), "two.torpor": try unit("one")]) { manager in
        _ = try manager.attempt(["wake", "one"])
        usleep(3_000_000)
        let starts = manager.process.errors.all.count {
          $0.contains("exited with status 1 before it was ready") && !$0.contains("can't be")
        }
        #expect(starts >= 2 && starts < 12, "\(starts) starts")
      }
    }

    @Test(.enabled(if: Machine.isRoot, "needs root, for a network namespace"))
    func whetherIPv6TakesIPv4IsTheKernelsDefault() throws {
      let port = try freePort()
      for isIPv6Only in [false, true] {
        let unit = """
          [Socket]
          ListenStream=\(port)
          [Service]
          ExecStart=/bin/sleep 60
          """
        let setting = "/proc/sys/net/ipv6/bindv6only"
        let wrapper = [
          "unshare", "-n", "sh", "-c", "ip link set lo up; echo \(isIPv6Only ? 1 : 0) > \(setting); exec \"$@\"", "sh",
        ]
        try ManagerProcess.run(["one.torpor": unit], wrapper: wrapper) { manager in
          let connects = try ChildProcess([
            "nsenter", "-t", "\(manager.process.pid)", "-n", "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/\(port)",
          ])
          defer { connects.killAndWait() }
          let status = connects.waitForExit(within: .seconds(10))
          #expect((status == .exited(0)) == !isIPv6Only, "\(connects.errors.text)")
        }
      }
    }
  }
}
