import Foundation
import Testing

extension ServerTests {
  /// Unit files as nobody should write them, and changes at the worst of times: the others go on, and what is mended is held.
  @Suite struct HostileUnitTests {
    private static func isListening(_ endpoint: Endpoint) -> Bool {
      !TCPSocket.all(localPort: endpoint.port, .listening).isEmpty
    }

    @Test func ofTwoUnitsWithOneAddressOneIsHeldAndTheOtherTakesItsPlace() throws {
      let endpoint = Endpoint.v4(try freePort())
      let units = ["a.torpor": OddServer.unit(endpoint), "b.torpor": OddServer.unit(endpoint)]
      try ManagerProcess.run(units) { manager in
        #expect(try manager.status("a").state == "dormant" && manager.status("b").state == "invalid")
        #expect(manager.process.errors.contains("is listened on by 'a', too", within: .seconds(5)))
        #expect(manager.process.errors.contains("is in use by another unit", within: .seconds(5)))
        try Client.ask(endpoint, .ping)
        try manager.remove("a.torpor")
        // As long as it is used, that is a problem.
        _ = try manager.attempt(["reload"])
        try manager.waitFor("dormant", of: "b")
        try Client.ask(endpoint, .ping)
      }
    }

    /// Dormant, and in use.
    @Test func aUnitMayBeRenamedAndKeepsItsAddress() throws {
      let endpoint = Endpoint.v4(try freePort())
      let text = OddServer.unit(endpoint)
      try ManagerProcess.run(["a.torpor": text]) { manager in
        try manager.remove("a.torpor")
        try manager.write(text, to: "b.torpor")
        try manager.torpor("reload")
        try manager.waitFor("dormant", of: "b")
        let client = try Client(connectingTo: endpoint)
        try client.ask(.ping)
        try manager.remove("b.torpor")
        try manager.write(text, to: "c.torpor")
        _ = try manager.attempt(["reload"])
        try client.ask(.ping)
        client.close()
        try manager.waitFor("dormant", of: "c")
        try Client.ask(endpoint, .ping)
        #expect(try manager.statuses().map(\.name) == ["c"])
      }
    }

    @Test func aUnitThatIsRemovedWhileItIsWokenServesWhoWaitsAndGoes() throws {
      let endpoint = Endpoint.v4(try freePort())
      let unit = OddServer.unit(endpoint, idle: "1h").replacingOccurrences(
        of: "[Service]\n", with: "[Service]\nExecStartPre=/bin/sleep 0.5\n")
      try ManagerProcess.run(["one.torpor": unit, "two.torpor": OddServer.unit(.v4(try freePort()))]) { manager in
        let client = try Client(connectingTo: endpoint)
        try manager.waitFor("starting", of: "one")
        try manager.remove("one.torpor")
        try manager.torpor("reload")
        try client.ask(.ping)
        client.close()
        let deadline = Deadline(after: .seconds(10))
        while try manager.statuses().count > 1, !deadline.hasPassed { usleep(20_000) }
        #expect(try manager.statuses().map(\.name) == ["two"] && !Self.isListening(endpoint))
      }
    }

    @Test func instancesOfATemplateComeAndGoByTheirLinks() throws {
      let ports = try (1...3).map { _ in try freePort() }
      let template = OddServer.unit(.v4(1)).replacingOccurrences(of: "127.0.0.1:1\n", with: "127.0.0.1:%i\n")
        .replacingOccurrences(of: "--port 1", with: "--port %i")
      try ManagerProcess.run(["web@.torpor": template]) { manager in
        for port in ports {
          try FileManager.default.createSymbolicLink(
            atPath: manager.directory.path("units/web@\(port).torpor"), withDestinationPath: "web@.torpor")
        }
        try manager.torpor("reload")
        for port in ports { try Client.ask(.v4(port), .ping) }
        try manager.remove("web@\(ports[0]).torpor")
        try manager.torpor("reload")
        try Client.ask(.v4(ports[1]), .ping)
        let names = Set(ports.dropFirst().map { "web@\($0)" })
        let deadline = Deadline(after: .seconds(10))
        while Set(try manager.statuses().map(\.name)) != names, !deadline.hasPassed { usleep(20_000) }
        #expect(Set(try manager.statuses().map(\.name)) == names)
      }
    }

    @Test func badFilesAreToldAndTheGoodOnesHeld() throws {
      let fine = Endpoint.v4(try freePort())
      let directory = try TemporaryDirectory()
      try directory.write("", to: "file")
      var units = [
        "fine.torpor": OddServer.unit(fine),
        "binary.torpor": "\u{0}\u{1}[Socket]\u{0}\n",
        "empty-section.torpor": "[Socket]\n[Service]\n",
        "no-section.torpor": "ListenStream=80\n",
        "long.torpor": "[Socket]\nListenStream=" + String(repeating: "9", count: 100_000) + "\n",
        "continued.torpor": "[Socket]\nListenStream=/tmp/x\\",
        "lonely.socket": "[Socket]\nListenStream=127.0.0.1:\(try freePort())\n",
        "circle.socket": "[Socket]\nListenStream=127.0.0.1:\(try freePort())\nService=circle.socket\n",
        "below-file.torpor":
          "[Socket]\nListenStream=\(directory.path("file"))/x.sock\n[Service]\nExecStart=/bin/cat\n",
        "on-file.torpor": "[Socket]\nListenStream=\(directory.path("file"))\n[Service]\nExecStart=/bin/cat\n",
        "bad name.torpor": "[Socket]\n",
        "nobody.torpor":
          "[Socket]\nListenStream=127.0.0.1:\(try freePort())\n[Service]\nUser=no-such-user\nExecStart=/bin/cat\n",
      ]
      for number in 0..<40 {
        units["many-\(number).torpor"] = "[Socket]\n" + String(repeating: "X=\n=\n", count: number * 20)
      }
      try ManagerProcess.run(units) { manager in
        try Client.ask(fine, .ping)
        let held = try manager.statuses().filter { $0.state != "invalid" }.map(\.name)
        #expect(held == ["fine"])
        #expect(manager.process.errors.contains("is there already and is no socket", within: .seconds(5)))
        // A directory in the place of a file, and a file that can't be read, at a reload.
        try FileManager.default.createDirectory(
          atPath: manager.directory.path("units/dir.torpor"), withIntermediateDirectories: false)
        #expect(try manager.attempt(["reload"]).status == .exited(1))
        try Client.ask(fine, .ping)
      }
    }

    @Test func missingDirectoriesOnTheWayToAPathAreMadeAndStay() throws {
      let directory = try TemporaryDirectory()
      let path = directory.path("a/b/c/service.sock")
      let unit = """
        [Socket]
        ListenStream=\(path)
        DirectoryMode=0750
        RemoveOnStop=yes
        Symlinks=\(directory.path("l/link.sock"))
        [Service]
        ExecStart=/bin/cat
        Restart=no
        """
      try ManagerProcess.run(["one.torpor": unit]) { manager in
        var status = stat()
        for made in ["a", "a/b", "a/b/c", "l"] {
          #expect(stat(directory.path(made), &status) == 0 && status.st_mode & 0o7777 == 0o750, "\(made)")
        }
        #expect(stat(directory.path("l/link.sock"), &status) == 0)
        // Somebody removes all of it: the next reload that changes something doesn't fall over it, nor does the end.
        try FileManager.default.removeItem(atPath: directory.path("a"))
        try manager.write(unit.replacingOccurrences(of: "0750", with: "0700"), to: "one.torpor")
        _ = try manager.attempt(["reload"])
        #expect(try manager.status("one").state == "dormant")
      }
    }

    /// Of a unit that changes at each of them, between two kinds that have nothing in common.
    @Test func aStormOfReloadsEndsWithWhatTheFilesSay() throws {
      let (endpoint, same) = (Endpoint.v4(try freePort()), Endpoint.v4(try freePort()))
      let one = OddServer.unit(endpoint, idle: "20ms")
      let each = "[Socket]\nListenStream=\(endpoint)\nAccept=yes\n[Service]\nExecStart=/bin/cat\n"
      try ManagerProcess.run(["one.torpor": one, "same.torpor": OddServer.unit(same)]) { manager in
        for number in 1...60 {
          switch number % 4 {
          case 0: try? manager.remove("one.torpor")
          case 1: try manager.write(each, to: "one.torpor")
          case 2: try manager.write(one, to: "one.torpor")
          default:
            try manager.write(
              one.replacingOccurrences(of: "[Socket]\n", with: "[Socket]\nNoDelay=yes\n"), to: "one.torpor")
          }
          manager.process.send(SIGHUP)
          if number.isMultiple(of: 5) { _ = try? Client.ask(endpoint, .ping, within: .milliseconds(50)) }
          usleep(5_000)
        }
        try manager.write(one, to: "one.torpor")
        _ = try manager.attempt(["reload"])
        try manager.waitFor("dormant", of: "one")
        try Client.ask(endpoint, .ping)
        try Client.ask(same, .ping)
      }
    }
  }
}
