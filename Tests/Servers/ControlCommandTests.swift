import Foundation
import Testing

extension ServerTests {
  /// The verbs of `torpor` that talk to a manager, with one that has nothing to manage.
  @Suite struct ControlCommandTests {
    /// What came of a verb.
    private struct Ran {
      let status: ExitStatus?
      let output: [String]
      let errors: String
    }

    private func run(
      _ arguments: [String], at manager: FakeManagerProcess, environment: [String: String] = [:]
    ) throws -> Ran {
      try run(arguments, environment: environment.merging(["TORPOR_SOCKET": manager.socket]) { $1 })
    }

    private func run(_ arguments: [String], environment: [String: String] = [:]) throws -> Ran {
      let process = try ChildProcess([Binaries.built.torpor] + arguments, environment: environment)
      defer { process.killAndWait() }
      let status = process.waitForExit(within: .seconds(20))
      _ = process.output.waitForEnd(within: .seconds(5))
      _ = process.errors.waitForEnd(within: .seconds(5))
      return Ran(status: status, output: process.output.all, errors: process.errors.text)
    }

    // MARK: status, why

    @Test func statusIsALineAUnit() throws {
      let manager = try FakeManagerProcess()
      let ran = try run(["status"], at: manager)
      #expect(ran.status == .exited(0))
      #expect(ran.output.first == "UNIT    STATE    SINCE       CONNECTIONS  IDLE IN  WAKES TODAY  MEMORY")
      #expect(ran.output.contains { $0.hasPrefix("unit-1  dormant  ") })
      #expect(ran.output.last == "8 units: 8 dormant")
      let narrow = try run(["status"], at: manager, environment: ["COLUMNS": "40"])
      #expect(narrow.output.allSatisfy { $0.count <= 40 })
    }

    @Test func thousandsAreListed() throws {
      let manager = try FakeManagerProcess(units: 3000)
      #expect(try run(["status"], at: manager).output.last == "3004 units: 3004 dormant")
      struct Unit: Decodable { let name: String }
      let json = try run(["status", "--json"], at: manager)
      let units = try json.output.map { try JSONDecoder().decode(Unit.self, from: Data($0.utf8)) }
      #expect(Set(units.map(\.name)).count == 3004)
    }

    @Test func coloursAreForTerminalsThatWantThem() throws {
      let manager = try FakeManagerProcess()
      #expect(!(try run(["status"], at: manager).output.joined().contains("\u{1B}")))
      guard Machine.find("script") != nil else { return }
      let command = ["script", "--quiet", "--command", "\(Binaries.built.torpor) status", "/dev/null"]
      for (variables, hasColours) in [([:], true), (["NO_COLOR": "1"], false), (["TERM": "dumb"], false)] {
        let environment = ["TORPOR_SOCKET": manager.socket, "TERM": "xterm", "NO_COLOR": ""].merging(variables) { $1 }
        let process = try ChildProcess(command, environment: environment)
        defer { process.killAndWait() }
        #expect(process.waitForExit(within: .seconds(10)) == .exited(0))
        _ = process.output.waitForEnd(within: .seconds(5))
        #expect(process.output.text.contains("\u{1B}[") == hasColours)
      }
    }

    @Test func oneUnitIsShownInFull() throws {
      let manager = try FakeManagerProcess()
      let ran = try run(["status", "unit-1"], at: manager)
      #expect(ran.output.first?.hasPrefix("unit-1: dormant since ") == true)
      #expect(ran.output.contains("  log           /var/log/torpor/unit-1.log"))
    }

    @Test func whyTellsWhatEachSenseSays() throws {
      let manager = try FakeManagerProcess()
      let ran = try run(["why", "busy"], at: manager)
      #expect(ran.status == .exited(0))
      #expect(ran.output.contains { $0.hasPrefix("  connections   busy, ") })
      let json = try run(["why", "busy", "--json"], at: manager)
      #expect(json.output.first?.hasPrefix(#"{"advice":["None."]"#) == true)
    }

    @Test func oneWhoseFileHasAMistakeIsShownAllTheSame() throws {
      let manager = try FakeManagerProcess()
      for verb in ["status", "why"] {
        let ran = try run([verb, "faulty"], at: manager)
        #expect(ran.status == .exited(0))
        #expect(ran.output.first?.hasPrefix("faulty: invalid since ") == true)
        #expect(ran.output.contains { $0.hasSuffix("/x:1:1: error: no") }, "\(ran.output)")
      }
    }

    // MARK: wake, rest

    @Test func wakeAndRestTellWhatTheyDid() throws {
      let manager = try FakeManagerProcess()
      #expect(try run(["wake", "unit-1"], at: manager).output == ["unit-1 serves after 1.5 ms"])
      #expect(try run(["wake", "unit-1"], at: manager).output == ["unit-1 is running already"])
      #expect(try run(["rest", "unit-1"], at: manager).output == ["unit-1 rests; 1.0 MB given back"])
      #expect(try run(["rest", "unit-1"], at: manager).output == ["unit-1 isn't running"])
    }

    @Test(arguments: [
      (["wake", "broken"], "torpor: cannot start it"), (["rest", "busy"], "torpor: not now: 2 connections are open"),
      (["wake", "nobody"], "torpor: there is no unit 'nobody'; 'torpor status' shows those that there are"),
      (["release", "unit-1", "--id", "5"], "torpor: unit-1 has no hold 5"),
    ])
    func whatCannotBeDoneIsSaidToBe(arguments: [String], message: String) throws {
      let manager = try FakeManagerProcess()
      let ran = try run(arguments, at: manager)
      #expect(ran.status == .exited(1))
      #expect(ran.errors == message)
      #expect(ran.output.isEmpty)
    }

    // MARK: hold, release

    @Test(arguments: [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -15 $$", 143)])
    func aCommandIsRunWhileTheUnitIsHeld(script: String, status: Int32) throws {
      let manager = try FakeManagerProcess()
      let ran = try run(
        ["hold", "unit-1", "--", "sh", "-c", "torpor=$1; $torpor status unit-1 | grep held; \(script)", "x"]
          + [Binaries.built.torpor], at: manager)
      #expect(ran.status == .exited(status))
      #expect(ran.output.count == 1)
      #expect(ran.output.first?.contains("held by torpor[") == true, "\(ran.output)")
      #expect(manager.said("release unit-1 1"))
    }

    @Test func aCommandThatIsNotThereIsNamed() throws {
      let manager = try FakeManagerProcess()
      let missing = try run(["hold", "unit-1", "--", "no-such-command"], at: manager)
      #expect(missing.status == .exited(127))
      #expect(missing.errors == "torpor: cannot run 'no-such-command': No such file or directory")
      #expect(try run(["hold", "unit-1", "--", "/etc/passwd"], at: manager).status == .exited(126))
    }

    @Test func signalsReachTheCommand() throws {
      let manager = try FakeManagerProcess()
      let script = "trap 'echo told; exit 3' TERM; echo ready; while :; do sleep 0.05; done"
      let process = try ChildProcess(
        [Binaries.built.torpor, "hold", "unit-1", "--", "sh", "-c", script],
        environment: ["TORPOR_SOCKET": manager.socket])
      defer { process.endWithDescendants() }
      #expect(process.output.contains("ready", within: .seconds(10)))
      process.send(SIGTERM)
      #expect(process.waitForExit(within: .seconds(10)) == .exited(3))
      #expect(process.output.contains("told", within: .seconds(5)))
      #expect(manager.said("release unit-1 1"))
    }

    @Test func withoutACommandItIsHeldUntilASignal() throws {
      let manager = try FakeManagerProcess()
      let process = try ChildProcess(
        [Binaries.built.torpor, "hold", "unit-1"], environment: ["TORPOR_SOCKET": manager.socket])
      defer { process.killAndWait() }
      #expect(process.errors.contains("unit-1 is held until this program ends", within: .seconds(10)))
      process.send(SIGINT)
      #expect(process.waitForExit(within: .seconds(10)) == .exited(0))
      #expect(manager.said("release unit-1 1"))
    }

    @Test func whoHoldsIsToldWhenTheManagerGoes() throws {
      let manager = try FakeManagerProcess()
      let process = try ChildProcess(
        [Binaries.built.torpor, "hold", "unit-1"], environment: ["TORPOR_SOCKET": manager.socket])
      defer { process.killAndWait() }
      try #require(process.errors.contains("unit-1 is held", within: .seconds(10)))
      manager.process.killAndWait()
      #expect(process.waitForExit(within: .seconds(10)) == .exited(1))
      #expect(process.errors.contains("unit-1 is no longer held", within: .seconds(5)))
    }

    @Test func aHoldForATimeOutlivesTheProgram() throws {
      let manager = try FakeManagerProcess()
      let ran = try run(["hold", "unit-1", "--for", "1h 30s"], at: manager)
      #expect(ran.output == ["unit-1 is held for 1h 30s; 'torpor release unit-1 --id 1' ends that"])
      try manager.answers()
      #expect(!manager.process.output.all.contains { $0.hasPrefix("release") })
      #expect(try run(["release", "unit-1"], at: manager).output == ["unit-1: 1 hold ended"])
    }

    @Test(arguments: [
      ["hold", "unit-1", "--for", "soon"], ["hold", "unit-1", "--for", "infinity"], ["hold", "unit-1", "--for", "0"],
      ["hold", "unit-1", "--for", "1h", "--", "true"], ["hold"], ["wake"], ["why"], ["logs", "../passwd"],
      ["logs", "x", "-n", "-1"], ["frobnicate"], ["status", "--colour"],
    ])
    func aMistakeInTheArgumentsExitsWith2(arguments: [String]) throws {
      let ran = try run(arguments)
      #expect(ran.status == .exited(2), "\(ran.errors)")
      #expect(!ran.errors.isEmpty)
    }

    // MARK: verify, reload, monitor

    @Test func verifyFailsIfAnyDoes() throws {
      let manager = try FakeManagerProcess()
      let good = try run(["verify", "unit-1", "slow"], at: manager)
      #expect(good.status == .exited(0))
      #expect(good.output == ["unit-1: passed: ready", "slow: passed: ready"])
      let bad = try run(["verify"], at: manager)
      #expect(bad.status == .exited(1))
      #expect(bad.output.contains("broken: FAILED: it died"))
      #expect(bad.output.contains("    corrupted"))
      #expect(bad.output.contains("busy: FAILED: it could not be tried: it is stopping"))
    }

    @Test func reloadNamesWhatIsWrong() throws {
      let manager = try FakeManagerProcess()
      let ran = try run(["reload"], at: manager)
      #expect(ran.status == .exited(1))
      #expect(ran.output == ["new: new", "4 unchanged"])
      #expect(ran.errors == "x.torpor:1:1: no")
    }

    @Test func monitorShowsWhatHappens() throws {
      let manager = try FakeManagerProcess()
      let monitor = try ChildProcess(
        [Binaries.built.torpor, "monitor", "--json"], environment: ["TORPOR_SOCKET": manager.socket])
      defer { monitor.killAndWait() }
      try #require(monitor.output.contains("subscribed", within: .seconds(10)))
      _ = try run(["wake", "unit-1"], at: manager)
      #expect(
        monitor.output.contains(
          #"{"event":"serving","pid":4711,"time":1700000000.5,"unit":"unit-1"}"#, within: .seconds(10)))
    }

    // MARK: without a manager

    @Test func whereNoManagerRunsThatIsSaid() throws {
      let directory = try TemporaryDirectory()
      let path = directory.path("control")
      for arguments in [["status"], ["why", "x"], ["wake", "x"], ["hold", "x", "--", "true"], ["verify"]] {
        let ran = try run(arguments, environment: ["TORPOR_SOCKET": path])
        #expect(ran.status == .exited(1))
        #expect(
          ran.errors
            == "torpor: torpord isn't running: nobody answers at '\(path)'; start it, or say where it is with --socket")
      }
      // One that was killed has left its socket.
      let manager = try FakeManagerProcess(in: directory)
      manager.process.killAndWait()
      #expect(try run(["status"], at: manager).errors.contains("isn't running"))
    }

    @Test func aUsersOwnManagerComesFirst() throws {
      let directory = try TemporaryDirectory()
      mkdir(directory.path("torpor"), 0o700)
      let process = try ChildProcess(
        [Binaries.built.directory + "/fakemanager", directory.path("torpor/control"), "7"])
      defer { process.killAndWait() }
      try #require(process.output.contains("ready", within: .seconds(10)))
      let ran = try run(["status"], environment: ["XDG_RUNTIME_DIR": directory.path, "TORPOR_SOCKET": ""])
      #expect(ran.output.last == "11 units: 11 dormant")
    }

    @Test(.enabled(if: Machine.canBecomeNobody, "needs root and setpriv, to become an ordinary user"))
    func othersAreToldWhoMay() throws {
      let manager = try FakeManagerProcess()
      let copies = try TemporaryDirectory()
      let torpor = try Binaries.built.copied(to: copies).torpor
      for mode: mode_t in [0o600, 0o666] {
        chmod(manager.socket, mode)
        let process = try ChildProcess(Machine.asNobody + [torpor, "status", "--socket", manager.socket])
        defer { process.killAndWait() }
        #expect(process.waitForExit(within: .seconds(10)) == .exited(1))
        #expect(process.errors.contains("you may not control", within: .seconds(5)), "\(process.errors.text)")
      }
    }
  }
}
