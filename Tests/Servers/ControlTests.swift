import Foundation
import Testing

extension OwnDataTests {
  /// The verbs of `torpor` with a real manager and real services.
  @Suite struct ControlTests {
    /// A server that says what it is asked, for as long as a client wants.
    private static func unit(port: UInt16, idle: String = "30min", more: String = "") -> String {
      OddServer.unit(.v4(port), idle: idle, more: "[Service]\n\(more)")
    }

    private struct Setup {
      let ports: [UInt16]
      let torpord: TorpordProcess
    }

    private func setUp(_ names: [String], idle: String = "30min", more: String = "") throws -> Setup {
      let ports = try names.map { _ in UInt16(try freePort()) }
      let units = zip(names, ports).map { ("\($0).torpor", Self.unit(port: $1, idle: idle, more: more)) }
      return Setup(ports: ports, torpord: try TorpordProcess(units: Dictionary(uniqueKeysWithValues: units)))
    }

    @Test func aUnitIsListedWokenAndRested() throws {
      let torpord = try setUp(["one", "two"]).torpord
      let list = try torpord.torpor("status")
      #expect(list.status == .exited(0))
      #expect(list.output.last == "2 units: 2 dormant")
      let woken = try torpord.torpor("wake", "one")
      #expect(woken.status == .exited(0), "\(woken.errors)")
      #expect(woken.output.first?.hasPrefix("one serves after ") == true, "\(woken.output)")
      #expect(try torpord.torpor("wake", "one").output == ["one is running already"])
      let status = try torpord.status("one")
      #expect(status.state == "running")
      #expect(status.wakesToday == 1)
      let pid = try #require(status.pid)
      #expect(!ProcessTable.isGone(pid))
      #expect(try torpord.torpor("status").output.last == "2 units: 1 dormant, 1 running")
      let rested = try torpord.torpor("rest", "one")
      #expect(rested.status == .exited(0), "\(rested.errors)")
      #expect(ProcessTable.isGone(pid))
      #expect(try torpord.torpor("rest", "one").output == ["one isn't running"])
      #expect(try torpord.status("one").state == "dormant")
    }

    @Test func whatIsInUseIsNotRested() throws {
      let setup = try setUp(["one"])
      let client = try Client(connectingTo: .v4(setup.ports[0]))
      defer { client.close() }
      #expect(try setup.torpord.waits(until: "running", of: "one"))
      let rested = try setup.torpord.torpor("rest", "one")
      #expect(rested.status == .exited(1))
      #expect(rested.errors.hasPrefix("torpor: not now: "), "\(rested.errors)")
      #expect(try setup.torpord.status("one").connections == 1)
    }

    @Test func aHeldOneRestsWhenItIsReleased() throws {
      let torpord = try setUp(["one"], idle: "300ms").torpord
      let holder = try torpord.start(["hold", "one", "--reason", "a backup"])
      defer { holder.killAndWait() }
      try #require(holder.errors.contains("one is held", within: .seconds(10)))
      #expect(try torpord.torpor("wake", "one").status == .exited(0))
      // Idle for many times its timeout.
      usleep(2_000_000)
      #expect(try torpord.status("one").state == "running")
      #expect(try torpord.torpor("status").output.contains { $0.contains("held by torpor[\(holder.pid)]") })
      #expect(try torpord.torpor("why", "one").output.contains { $0.contains("(a backup)") })
      holder.send(SIGKILL)
      #expect(try torpord.waits(until: "dormant", of: "one"))
    }

    @Test func aHoldForATimeEnds() throws {
      let torpord = try setUp(["one"], idle: "200ms").torpord
      #expect(try torpord.torpor("hold", "one", "--for", "2s").status == .exited(0))
      let start = ContinuousClock.now
      #expect(try torpord.torpor("wake", "one").status == .exited(0))
      #expect(try torpord.waits(until: "dormant", of: "one"))
      #expect(ContinuousClock.now - start > .milliseconds(1500))
    }

    @Test func aServiceThatCannotStartIsToldToBe() throws {
      let port = try freePort()
      let torpord = try TorpordProcess(units: [
        "broken.torpor": """
        [Socket]
        ListenStream=127.0.0.1:\(port)
        [Service]
        ExecStart=/bin/sh -c 'echo "no configuration" >&2; exit 3'
        """
      ])
      let woken = try torpord.torpor("wake", "broken")
      #expect(woken.status == .exited(1))
      #expect(woken.errors.contains("exited with status 3"), "\(woken.errors)")
      let verified = try torpord.torpor("verify", "broken")
      #expect(verified.status == .exited(1))
      #expect(verified.output.first?.hasPrefix("broken: FAILED: ") == true, "\(verified.output)")
    }

    /// One that has failed waits for the next try: for whoever waits, and else no longer.
    @Test func oneThatWaitsForAnotherTryIsRestedUnlessSomebodyWaits() throws {
      let port = UInt16(try freePort())
      let unit = Self.unit(port: port).replacingOccurrences(
        of: "ExecStart=", with: "ExecStartPre=/bin/false\nExecStart=")
      let torpord = try TorpordProcess(units: ["one.torpor": unit])
      #expect(try torpord.torpor("wake", "one").status == .exited(1))
      #expect(try torpord.status("one").state == "failed")
      let rested = try torpord.torpor(["rest", "one"], within: .seconds(5))
      #expect(rested.status == .exited(0), "\(rested.errors)")
      #expect(try torpord.status("one").state == "dormant")
      let client = try Client(connectingTo: .v4(port))
      defer { client.close() }
      try #require(try torpord.waits(until: "failed", of: "one"))
      #expect(try torpord.torpor(["rest", "one"], within: .seconds(5)).status == .exited(1))
      #expect(try torpord.waits(until: "failed", of: "one"))
    }

    @Test func allAreVerifiedOneAfterAnother() throws {
      let torpord = try setUp(["one", "two", "three"]).torpord
      let ran = try torpord.torpor("verify")
      #expect(ran.status == .exited(0), "\(ran.output)")
      #expect(ran.output.map { $0.prefix { $0 != ":" } } == ["one", "three", "two"])
      for name in ["one", "two", "three"] { #expect(try torpord.waits(until: "dormant", of: name)) }
    }

    @Test func whatHappensIsMonitoredAndRemembered() throws {
      let torpord = try setUp(["one"]).torpord
      let monitor = try torpord.start(["monitor", "--json"])
      defer { monitor.killAndWait() }
      try #require(monitor.output.contains("subscribed", within: .seconds(10)))
      _ = try torpord.torpor("wake", "one")
      #expect(monitor.output.contains(#""event":"serving""#, within: .seconds(10)))
      _ = try torpord.torpor("rest", "one")
      #expect(monitor.output.contains(#""event":"rested""#, within: .seconds(10)))
      let history = try torpord.torpor("history", "one", "--directory", torpord.state)
      #expect(history.status == .exited(0))
      #expect(history.output.count >= 2, "\(history.output) \(history.errors)")
      let json = try torpord.torpor("history", "one", "--directory", torpord.state, "--json")
      #expect(json.output.contains { $0.contains(#""event":"serving""#) })
      for name in ["one.service", "one.socket", "one.torpor"] {
        let same = try torpord.torpor("history", name, "--directory", torpord.state)
        #expect(same.output.count >= 2, "\(name): \(same.errors)")
      }
    }

    @Test func whatAServiceWritesIsShown() throws {
      let port = try freePort()
      let torpord = try TorpordProcess(units: [
        "talker.torpor": """
        [Socket]
        ListenStream=127.0.0.1:\(port)
        [Service]
        ExecStart=/bin/sh -c 'echo hello; exec \(Binaries.built.oddserver) --host 127.0.0.1 --port \(port)'
        """
      ])
      let missing = try torpord.torpor("logs", "nobody")
      #expect(missing.status == .exited(1))
      #expect(missing.errors.contains("there is no unit 'nobody'"))
      _ = try torpord.torpor("wake", "talker")
      let logs = try torpord.torpor("logs", "talker", "-n", "1000")
      #expect(logs.status == .exited(0), "\(logs.errors)")
      #expect(logs.output.contains("hello"))
    }

    @Test func reloadTakesWhatIsNewAndNamesWhatIsWrong() throws {
      let torpord = try setUp(["one"]).torpord
      try torpord.write(Self.unit(port: UInt16(try freePort())), to: "two.torpor")
      let added = try torpord.torpor("reload")
      #expect(added.status == .exited(0), "\(added.errors)")
      #expect(added.output == ["new: two", "1 unchanged"])
      try torpord.write("[Socket]\nListenStream=nonsense:x:y\n", to: "three.torpor")
      let wrong = try torpord.torpor("reload")
      #expect(wrong.status == .exited(1))
      #expect(wrong.errors.contains("three.torpor:2:"), "\(wrong.errors)")
      let shown = try torpord.torpor("status", "three")
      #expect(shown.output.first?.hasPrefix("three: invalid") == true, "\(shown.output)")
      #expect(try torpord.torpor("status").output.last == "3 units: 2 dormant, 1 invalid")
    }

    @Test func anAddedUnitIsHeldAtOnce() throws {
      let torpord = try setUp(["one"]).torpord
      let port = try freePort()
      let command = [Binaries.built.oddserver, "--host", "127.0.0.1", "--port", "\(port)"]
      let add = ["add", "new", "-l", "127.0.0.1:\(port)", "--idle", "1h", "--directory", torpord.units]
      let ran = try torpord.torpor(add + ["--"] + command)
      #expect(ran.status == .exited(0), "\(ran.errors)")
      #expect(ran.output == ["\(torpord.units)/new.torpor is written", "new is held: 127.0.0.1:\(port)"])
      let client = try Client(connectingTo: .v4(port))
      defer { client.close() }
      #expect(try torpord.waits(until: "running", of: "new"))
      // One that is there is left alone.
      let again = try torpord.torpor(add + ["--", "/bin/true"])
      #expect(again.status == .exited(1))
      #expect(again.errors.contains("File exists"))
      // One that can't be used isn't kept.
      let wrong = try torpord.torpor([
        "add", "wrong", "-l", "127.0.0.1:\(try freePort())", "--user", "nobody-of-this-name", "--directory",
        torpord.units, "--", "/bin/true",
      ])
      #expect(wrong.status == .exited(1))
      #expect(wrong.errors.contains("there is no such user"), "\(wrong.errors)")
      #expect(!FileManager.default.fileExists(atPath: "\(torpord.units)/wrong.torpor"))
    }

    /// Its file was removed, and torpord hasn't been told.
    @Test func aUnitThatIsAddedAnewIsTaken() throws {
      let torpord = try setUp(["one"]).torpord
      for port in [try freePort(), try freePort()] {
        let ran = try torpord.torpor([
          "add", "new", "-l", "127.0.0.1:\(port)", "--directory", torpord.units, "--", "/bin/true",
        ])
        #expect(ran.status == .exited(0) && ran.output.last == "new is held: 127.0.0.1:\(port)", "\(ran.errors)")
        try FileManager.default.removeItem(atPath: "\(torpord.units)/new.torpor")
      }
    }

    @Test func aServiceIsHeldForACommandOfAnyLength() throws {
      let torpord = try setUp(["one"]).torpord
      let ran = try torpord.torpor("hold", "one", "--", "sh", "-c", "exit 3; : \(String(repeating: "é", count: 5000))")
      #expect(ran.status == .exited(3), "\(ran.errors)")
    }

    @Test func aUnitsHistoryIsFoundByItsFilesNameToo() throws {
      let torpord = try setUp(["one"]).torpord
      _ = try torpord.torpor("wake", "one.service")
      for name in ["one", "one.service", "one.torpor"] {
        let ran = try torpord.torpor("history", name, "--directory", torpord.state)
        #expect(ran.output.count == 1, "\(name): \(ran.errors)")
      }
    }

    @Test func outputThatCantBeWrittenIsAFailureWithAWord() throws {
      let torpord = try setUp(["one"]).torpord
      let process = try ChildProcess(
        ["sh", "-c", "exec \(Binaries.built.torpor) status > /dev/full"],
        environment: ["TORPOR_SOCKET": torpord.socket])
      defer { process.killAndWait() }
      #expect(process.waitForExit(within: .seconds(10)) == .exited(1))
      #expect(process.errors.contains("cannot write the output: No space left", within: .seconds(5)))
    }

    @Test(.enabled(if: Machine.canBecomeNobody, "needs root and setpriv, to become an ordinary user"))
    func whatOneMayNotSeeIsNotSaidToBeMissing() throws {
      let directory = try TemporaryDirectory()
      let binaries = try Binaries.built.copied(to: directory)
      try directory.make("secret/torpor/log")
      try directory.write("", to: "secret/torpor/journal.jsonl")
      try directory.write("", to: "secret/torpor/log/one.log")
      try directory.make("secret", mode: 0o700)
      for verb in ["history", "logs"] {
        let process = try ChildProcess(
          Machine.asNobody + [binaries.torpor, verb, "one"],
          environment: [
            "HOME": directory.path, "XDG_STATE_HOME": directory.path("secret"), "TORPOR_SOCKET": "/nowhere",
          ])
        defer { process.killAndWait() }
        #expect(process.waitForExit(within: .seconds(10)) == .exited(1))
        #expect(process.errors.contains("Permission denied", within: .seconds(5)), "\(process.errors.text)")
      }
    }

    @Test func aSecondManagerIsRefused() throws {
      let torpord = try setUp(["one"]).torpord
      let second = try ChildProcess([
        Binaries.built.directory + "/torpord", "--unit-path", torpord.units, "--runtime-directory",
        torpord.directory.path("run"), "--state-directory", torpord.state, "--log-directory", torpord.logs,
      ])
      defer { second.endWithDescendants() }
      #expect(second.waitForExit(within: .seconds(10)) == .exited(1))
      #expect(second.errors.contains("another torpord answers at", within: .seconds(5)))
      #expect(try torpord.torpor("status").output.last == "1 unit: 1 dormant")
    }
  }
}
