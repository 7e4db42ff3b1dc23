import Foundation
import Testing

extension ServerTests {
  /// torpord's units are read again while clients come: what stays is never closed.
  @Suite struct ReloadTests {
    private static func listener(_ endpoint: Endpoint) -> [UInt64] {
      TCPSocket.all(localPort: endpoint.port, .listening).map(\.inode)
    }

    private static func command(of unit: String, in manager: ManagerProcess) throws -> String {
      let pid = try #require(try manager.status(unit).pid)
      return ProcessTable.contents(of: "/proc/\(pid)/cmdline") ?? ""
    }

    @Test func aChangedCommandAppliesAtTheNextWakeAndNoSocketIsClosed() throws {
      let (changed, same) = (Endpoint.v4(try freePort()), Endpoint.v4(try freePort()))
      try ManagerProcess.run(["changed.torpor": OddServer.unit(changed), "same.torpor": OddServer.unit(same)]) {
        manager in
        let inodes = [changed, same].map(Self.listener)
        try #require(inodes.allSatisfy { $0.count == 1 })
        let client = try Client(connectingTo: changed)
        try client.ask(.ping)
        let pid = try manager.status("changed").pid

        try manager.write(OddServer.unit(changed, ["--print-env"]), to: "changed.torpor")
        let said = try manager.torpor("reload")
        #expect(said.contains("changed: changed") && said.contains("1 unchanged"))
        // It goes on as it is for whoever is connected.
        try client.ask(.ping)
        #expect(try manager.status("changed").pid == pid)
        #expect(try !Self.command(of: "changed", in: manager).contains("--print-env"))
        #expect([changed, same].map(Self.listener) == inodes)
        client.close()
        try manager.waitFor("dormant", of: "changed")
        let next = try Client(connectingTo: changed)
        try next.ask(.ping)
        #expect(try Self.command(of: "changed", in: manager).contains("--print-env"))
      }
    }

    @Test func unitsComeAndGoAndAGoneOneFinishesItsConnection() throws {
      let (gone, new) = (Endpoint.v4(try freePort()), Endpoint.v4(try freePort()))
      try ManagerProcess.run(["gone.torpor": OddServer.unit(gone, idle: "1h")]) { manager in
        let client = try Client(connectingTo: gone)
        try client.ask(.ping)
        try manager.remove("gone.torpor")
        try manager.write(OddServer.unit(new), to: "new.torpor")
        let said = try manager.torpor("reload")
        #expect(said.contains("new: new") && said.contains("gone: gone"))
        try Client.ask(new, .ping)
        usleep(500_000)
        try client.ask(.ping)
        client.close()
        let deadline = Deadline(after: .seconds(10))
        while !Self.listener(gone).isEmpty, !deadline.hasPassed { usleep(20_000) }
        #expect(Self.listener(gone).isEmpty)
        #expect(try manager.statuses().map(\.name) == ["new"])
        #expect(throws: ClientFailure.refused) { _ = try Client(connectingTo: gone) }
      }
    }

    @Test func aUnitThatIsBackBeforeItWentStaysAsItWas() throws {
      let endpoint = Endpoint.v4(try freePort())
      let text = OddServer.unit(endpoint, idle: "1h")
      try ManagerProcess.run(["back.torpor": text]) { manager in
        let client = try Client(connectingTo: endpoint)
        try client.ask(.ping)
        let pid = try manager.status("back").pid
        try manager.remove("back.torpor")
        try manager.torpor("reload")
        try manager.write(text, to: "back.torpor")
        try manager.torpor("reload")
        client.close()
        // Its own idle time counts again, not the short one of a unit that goes.
        usleep(1_000_000)
        #expect(try manager.status("back").pid == pid)
      }
    }

    @Test func anAddressMoreOrLessLeavesTheOtherSocketAlone() throws {
      let (first, second) = (Endpoint.v4(try freePort()), Endpoint.v4(try freePort()))
      try ManagerProcess.run(["two.torpor": OddServer.unit(first)]) { manager in
        let inode = Self.listener(first)
        try manager.write(OddServer.unit(first, listen: [first, second]), to: "two.torpor")
        try manager.torpor("reload")
        #expect(Self.listener(first) == inode)
        #expect(Self.listener(second).count == 1)
        try manager.write(OddServer.unit(first), to: "two.torpor")
        try manager.torpor("reload")
        #expect(Self.listener(first) == inode)
        #expect(Self.listener(second).isEmpty)
        try Client.ask(first, .ping)
      }
    }

    @Test func aBadFileLeavesTheOldUnitAndSaysWhere() throws {
      let endpoint = Endpoint.v4(try freePort())
      try ManagerProcess.run(["unit.torpor": OddServer.unit(endpoint)]) { manager in
        let inode = Self.listener(endpoint)
        try manager.write("[Socket]\nListenStream=nowhere at all\n", to: "unit.torpor")
        let (status, _, errors) = try manager.attempt(["reload"])
        #expect(status == .exited(1))
        #expect(errors.contains("unit.torpor:2:"))
        #expect(manager.process.errors.contains("unit.torpor:2:", within: .seconds(5)))
        #expect(Self.listener(endpoint) == inode)
        try Client.ask(endpoint, .ping)
      }
    }

    @Test func anAddressThatIsTakenIsAProblemOfTheReload() throws {
      let (first, taken) = (Endpoint.v4(try freePort()), Endpoint.v4(try freePort()))
      let units = ["unit.torpor": OddServer.unit(first), "other.torpor": OddServer.unit(taken)]
      try ManagerProcess.run(units) { manager in
        try manager.write(OddServer.unit(taken), to: "unit.torpor")
        let (status, _, errors) = try manager.attempt(["reload"])
        #expect(status == .exited(1))
        #expect(errors.contains("unit: 127.0.0.1:\(taken.port) is in use"))
        try Client.ask(first, .ping)
      }
    }

    /// By SIGHUP and by the control socket in turn.
    @Test func noClientIsLostByManyReloads() throws {
      let endpoint = Endpoint.v4(try freePort())
      let count = Machine.number("TORPOR_RELOADS", default: 100)
      try ManagerProcess.run(["unit.torpor": OddServer.unit(endpoint, idle: "20ms")]) { manager in
        let inode = Self.listener(endpoint)
        let hammer = try Hammer(endpoint, request: "redis")
        for number in 1...count {
          try manager.write(
            OddServer.unit(endpoint, number.isMultiple(of: 2) ? [] : ["--print-env"], idle: "20ms"), to: "unit.torpor")
          if number.isMultiple(of: 10) { manager.process.send(SIGHUP) } else { try manager.torpor("reload") }
        }
        let tally = try hammer.finish()
        #expect(tally.lost == 0)
        #expect(tally.requests > count)
        #expect(inode.count == 1)
        print("\(count) reloads under clients: \(tally.requests) requests, \(tally.lost) lost, \(tally.slow) slow")
      }
    }

    @Test func whatTheLimitOfFilesLeavesNoRoomForIsToldAndTheOthersGoOn() throws {
      var units: [String: String] = [:]
      var endpoints: [Endpoint] = []
      for number in 1000..<1150 {
        endpoints.append(.v4(try freePort()))
        units["unit-\(number).torpor"] = OddServer.unit(endpoints[number - 1000])
      }
      try ManagerProcess.run(units, wrapper: ["sh", "-c", "ulimit -n 200; exec \"$@\"", "sh"]) { manager in
        let line = try #require(manager.process.errors.all.first { $0.contains("RLIMIT_NOFILE") })
        #expect(line.contains("unit-1") && line.contains("no more than 200 files") && line.contains("LimitNOFILE="))
        let statuses = try manager.statuses()
        let held = statuses.filter { $0.state == "dormant" }
        #expect(held.count > 10 && held.count < 100)
        #expect(statuses.count == 150)
        for endpoint in endpoints.prefix(3) { try Client.ask(endpoint, .ping) }
      }
    }
  }
}
