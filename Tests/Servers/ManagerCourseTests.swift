import Foundation
import Testing

extension ServerTests {
  /// What befalls a manager itself: its own end, its directories, whose it is.
  @Suite struct ManagerCourseTests {
    /// Units that are read anew would be held by a manager that ends, which waits for all of its units.
    @Test func aReloadWhileItEndsHoldsNothing() throws {
      let (busy, dormant) = (Endpoint.v4(try freePort()), Endpoint.v4(try freePort()))
      let units = [
        "busy.torpor": OddServer.unit(busy, ["--ignore-sigterm"], idle: "1h"),
        "dormant.torpor": OddServer.unit(dormant),
      ]
      try ManagerProcess.run(units) { manager in
        try Client.ask(busy, .ping)
        let pid = try #require(try manager.status("busy").pid)
        manager.process.send(SIGTERM)
        try #require(manager.process.errors.contains("torpord: stopping", within: .seconds(5)))
        try manager.write(OddServer.unit(Endpoint.v4(try freePort())), to: "new.torpor")
        manager.process.send(SIGHUP)
        let (status, _, errors) = try manager.attempt(["reload"])
        #expect(status == .exited(1) && errors.contains("torpord is stopping"), "\(errors)")
        #expect(TCPSocket.all(localPort: dormant.port, .listening).isEmpty)
        kill(pid, SIGKILL)
        #expect(manager.process.waitForExit(within: .seconds(10)) == .exited(0))
      }
    }

    @Test func aProblemOfAReloadIsOverWithItsCause() throws {
      let (first, taken) = (Endpoint.v4(try freePort()), Endpoint.v4(try freePort()))
      let units = ["unit.torpor": OddServer.unit(first), "other.torpor": OddServer.unit(taken)]
      try ManagerProcess.run(units) { manager in
        try manager.write(OddServer.unit(taken), to: "unit.torpor")
        #expect(try manager.attempt(["reload"]).status == .exited(1))
        try manager.write(OddServer.unit(first), to: "unit.torpor")
        let (status, output, errors) = try manager.attempt(["reload"])
        #expect(status == .exited(0) && output == "2 unchanged", "\(output) \(errors)")
      }
    }

    @Test func unitsOfADirectoryThatCantBeReadStayAsTheyAre() throws {
      let endpoint = Endpoint.v4(try freePort())
      try ManagerProcess.run(["one.torpor": OddServer.unit(endpoint)]) { manager in
        let (units, aside) = (manager.directory.path("units"), manager.directory.path("aside"))
        let inodes = TCPSocket.all(localPort: endpoint.port, .listening).map(\.inode)
        try #require(rename(units, aside) == 0)
        // A link to itself, which root can't open either.
        try #require(symlink(units, units) == 0)
        let (status, _, errors) = try manager.attempt(["reload"])
        #expect(status == .exited(1) && errors.contains("\(units):1:1: error: this directory can't be read"))
        #expect(TCPSocket.all(localPort: endpoint.port, .listening).map(\.inode) == inodes)
        try Client.ask(endpoint, .ping)
        try #require(unlink(units) == 0 && rename(aside, units) == 0)
        #expect(try manager.torpor("reload") == "1 unchanged")
        try Client.ask(endpoint, .ping)
      }
    }

    @Test func servicesOfAUsersManagerAreAtHome() throws {
      let directory = try TemporaryDirectory()
      let endpoint = Endpoint.v4(try freePort())
      let home = directory.path("home")
      try directory.make("home")
      let command = OddServer.command(endpoint).joined(separator: " ")
      let note = "echo \"$$HOME %h $$WORD $$NOTIFY_SOCKET\" $$(pwd) > \(directory.path("out"))"
      let unit = OddServer.unit(endpoint).replacingOccurrences(
        of: "ExecStart=\(command)", with: "ExecStart=/bin/sh -c '\(note); exec \(command)'")
      let environment = ["HOME": home, "WORD": "here", "XDG_RUNTIME_DIR": directory.path]
      let arguments = ["--user"]
      try ManagerProcess.run(["one.torpor": unit], in: directory, arguments: arguments, environment: environment) {
        _ in
        try Client.ask(endpoint, .ping)
        #expect(directory.lines(of: "out") == ["\(home) \(home) here  \(home)"])
      }
    }

    @Test func aHoldIsThereWhenItsUnitsFileIsMended() throws {
      let directory = try TemporaryDirectory()
      let units = ["one.torpor": OddServer.unit(Endpoint.v4(try freePort()))]
      try ManagerProcess.run(units, in: directory) { try $0.torpor("hold", "one", "--for", "1h") }
      try ManagerProcess.run(["one.torpor": "[Socket]\nListenStream=nonsense\n"], in: directory) { manager in
        try manager.write(units["one.torpor"] ?? "", to: "one.torpor")
        try manager.torpor("reload")
        #expect(try manager.torpor("status", "one").contains("held"))
      }
    }

    /// Who has written units says so as soon as there is a manager.
    @Test func aReloadThatIsAskedForBeforeItHasReadItsJournalEndsNothing() throws {
      let directory = try TemporaryDirectory()
      let line = #"{"event":"warning","message":"nothing of interest to anybody","service":"one","time":1}"# + "\n"
      try directory.make("state", mode: 0o750)
      try directory.write(String(repeating: line, count: 40_000), to: "state/journal.jsonl")
      let process = try ChildProcess([
        Binaries.built.torpord, "--unit-path", directory.path, "--runtime-directory", directory.path("run"),
        "--state-directory", directory.path("state"), "--log-directory", directory.path("log"),
      ])
      defer { process.endWithDescendants() }
      let deadline = Deadline(after: .seconds(10))
      var isReading = false
      while !isReading, !deadline.hasPassed {
        isReading = ProcessTable.descriptors(process.pid).values.contains { $0.hasSuffix("/journal.jsonl") }
      }
      try #require(isReading && !process.errors.text.contains("; control at "))
      process.send(SIGHUP)
      #expect(process.errors.contains("; control at ", within: .seconds(30)))
      #expect(process.errors.contains("reloaded: ", within: .seconds(10)))
    }
  }
}
