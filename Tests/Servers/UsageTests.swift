import Foundation
import Testing

extension ServerTests {
  /// Bad input: said what is wrong, with the right exit status, and nothing started.
  @Suite struct UsageTests {
    @Test(arguments: ["nonsense", "1.2.3.4.5:80", "127.0.0.1:99999", "127.0.0.1:http", "[::1", "127.0.0.1:"])
    func anUnknownAddressIsNamed(address: String) throws {
      let outcome = try Outcome(of: ["-l", address, "--", "true"])
      #expect(outcome.status == .exited(2))
      #expect(outcome.errors.contains("'\(address)'"), "\(outcome.errors)")
    }

    @Test func anAddressOfAnotherMachineIsNamed() throws {
      let outcome = try Outcome(of: ["-l", "192.0.2.1:8080", "--", "true"])
      #expect(outcome.status == .exited(1))
      #expect(outcome.errors.contains("192.0.2.1:8080"), "\(outcome.errors)")
    }

    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
    func thePortsHolderIsNamed() throws {
      let directory = try TemporaryDirectory()
      let port = try freePort()
      let holder = try ChildProcess(RealServer.redis.command(port: port, in: directory))
      defer { holder.killAndWait() }
      try #require(holder.output.contains("Ready to accept connections", within: .seconds(10)))
      let outcome = try Outcome(of: ["-l", "127.0.0.1:\(port)", "--", "true"])
      #expect(outcome.status == .exited(1))
      #expect(
        outcome.errors.contains("torpor: 127.0.0.1:\(port) is in use by redis-server[\(holder.pid)]"),
        "\(outcome.errors)")
    }

    @Test(
      .enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"),
      .enabled(if: Machine.canBecomeNobody, "needs root and setpriv, to become an ordinary user"))
    func aPortInUseIsSaidToBeEvenWhenItsHolderCantBeSeen() throws {
      let directory = try TemporaryDirectory()
      let port = try freePort()
      let holder = try ChildProcess(RealServer.redis.command(port: port, in: directory))
      defer { holder.killAndWait() }
      try #require(holder.output.contains("Ready to accept connections", within: .seconds(10)))
      let copies = try TemporaryDirectory()
      let outcome = try Outcome(
        of: ["-l", "127.0.0.1:\(port)", "--", "true"], wrapper: Machine.asNobody,
        binaries: Binaries.built.copied(to: copies))
      #expect(outcome.status == .exited(1))
      #expect(outcome.errors.contains("127.0.0.1:\(port) is in use"), "\(outcome.errors)")
    }

    /// Both set SO_REUSEPORT and have the same user, so that the kernel alone wouldn't object.
    @Test func aSecondTorporOnTheSamePortIsRefused() throws {
      let port = try freePort()
      try TorporProcess.run(["-l", "127.0.0.1:\(port)", "--", "true"]) { torpor in
        let outcome = try Outcome(of: ["-l", "127.0.0.1:\(port)", "--", "true"])
        try #require(outcome.status == .exited(1))
        try #require(outcome.errors.contains("is in use by torpor[\(torpor.pid)]"), "\(outcome.errors)")
      }
    }

    @Test func theSameAddressTwiceIsRefused() throws {
      let address = "127.0.0.1:\(try freePort())"
      let outcome = try Outcome(of: ["-l", address, "-l", address, "--", "true"])
      #expect(outcome.status == .exited(2))
      #expect(outcome.errors.contains(address), "\(outcome.errors)")
    }

    @Test func aMissingCommandIsAUsageError() throws {
      let address = "127.0.0.1:\(try freePort())"
      for arguments in [["-l", address], ["-l", address, "--"]] {
        let outcome = try Outcome(of: arguments)
        #expect(outcome.status == .exited(2))
        #expect(outcome.errors.lowercased().contains("command"), "\(outcome.errors)")
      }
    }

    @Test func aMissingAddressIsAUsageError() throws {
      let outcome = try Outcome(of: ["--", "true"])
      #expect(outcome.status == .exited(2))
      #expect(outcome.errors.contains("-l"), "\(outcome.errors)")
    }

    @Test func aCommandThatDoesNotExistIsNamed() throws {
      let outcome = try Outcome(of: ["-l", "127.0.0.1:\(try freePort())", "--", "redis-serverr"])
      #expect(outcome.status == .exited(127))
      #expect(
        outcome.errors.contains("torpor: cannot start 'redis-serverr': No such file or directory"), "\(outcome.errors)")
      #expect(outcome.errors.contains("directories of PATH; name it from / on"), "\(outcome.errors)")
    }

    @Test(arguments: [["redis-server"], ["redis-server", "--port", "6379"]])
    func aCommandWithoutItsDashesIsToldWhereItStands(command: [String]) throws {
      let outcome = try Outcome(of: ["-l", "127.0.0.1:\(try freePort())"] + command)
      #expect(outcome.status == .exited(2))
      #expect(outcome.errors.contains("stand after '--'"), "\(outcome.errors)")
    }

    @Test(arguments: [
      ["start", "wake"], ["stop", "rest"], ["restart", "rest"], ["enable", "import"], ["daemon-reload", "reload"],
      ["list-units", "status"],
    ])
    func whatSystemctlCallsOtherwiseIsNamed(verb: [String]) throws {
      let process = try ChildProcess([Binaries.built.torpor, verb[0], "redis"])
      defer { process.killAndWait() }
      #expect(process.waitForExit(within: .seconds(10)) == .exited(2))
      _ = process.errors.waitForEnd(within: .seconds(5))
      #expect(process.errors.text.contains("'torpor \(verb[1])"), "\(process.errors.text)")
    }

    @Test func aCommandThatIsNotExecutableIsNamed() throws {
      let directory = try TemporaryDirectory()
      let file = try directory.write("#!/bin/sh\n", to: "server")
      let outcome = try Outcome(of: ["-l", "127.0.0.1:\(try freePort())", "--", file])
      #expect(outcome.status == .exited(126))
      #expect(outcome.errors.contains("torpor: cannot start '\(file)': Permission denied"), "\(outcome.errors)")
    }

    @Test func anUnknownUserIsNamed() throws {
      let outcome = try Outcome(of: ["-l", "127.0.0.1:\(try freePort())", "--user", "nobodyatall", "--", "true"])
      #expect(outcome.status == .exited(2))
      #expect(outcome.errors.contains("nobodyatall"), "\(outcome.errors)")
    }

    @Test(arguments: ["--idle", "--start-timeout", "--stop-timeout"], ["5 parsecs", "-3", "1h foo", " "])
    func aMalformedDurationIsNamed(option: String, duration: String) throws {
      let outcome = try Outcome(of: ["-l", "127.0.0.1:\(try freePort())", "\(option)=\(duration)", "--", "true"])
      #expect(outcome.status == .exited(2))
      #expect(outcome.errors.contains("'\(duration)'"), "\(outcome.errors)")
    }

    @Test(arguments: ["30min", "1h 30s", "90", "infinity", "50ms"])
    func everyWayToWriteADurationIsTaken(duration: String) throws {
      try TorporProcess.run(["-l", "127.0.0.1:\(try freePort())", "--idle", duration, "--", "true"]) { torpor in
        try #require(torpor.errors.all.isEmpty)
      }
    }

    @Test(arguments: [
      ["--stop-signal", "SIGNONE"], ["--stop-signal", "0"], ["--handover", "magic"], ["--ready", "soon"],
      ["--no-such-option"],
    ])
    func anUnknownOptionOrValueIsNamed(option: [String]) throws {
      let outcome = try Outcome(of: ["-l", "127.0.0.1:\(try freePort())"] + option + ["--", "true"])
      #expect(outcome.status == .exited(2))
      #expect(outcome.errors.contains(option.last ?? ""), "\(outcome.errors)")
    }
  }
}
