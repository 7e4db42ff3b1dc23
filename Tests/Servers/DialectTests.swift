import Foundation
import Testing

extension OwnDataTests {
  /// Which sockets a service is handed, by which name, and in whose words.
  @Suite struct DialectTests {
    @Test(
      .enabled(if: DialectServer.nginx.isInstalled, "nginx isn't installed"), arguments: ["listen-fds", "auto"])
    func nginxTakesItsSocketsByItsOwnVariable(handover: String) throws { try live(.nginx, handover) }

    @Test(
      .enabled(if: DialectServer.phpFPM.isInstalled, "php-fpm isn't installed"), arguments: ["listen-fds", "auto"])
    func phpFPMTakesItsSocketsByItsOwnVariable(handover: String) throws { try live(.phpFPM, handover) }

    @Test(
      .enabled(if: DialectServer.haproxy.isInstalled, "haproxy isn't installed"), arguments: ["listen-fds", "auto"])
    func haproxyBindsTheDescriptorThatItsConfigurationNames(handover: String) throws { try live(.haproxy, handover) }

    private func live(_ server: DialectServer, _ handover: String) throws {
      let directory = try TemporaryDirectory()
      let endpoint = Endpoint.v4(try freePort())
      let arguments = try server.arguments(endpoint, in: directory, handover: handover)
      try TorporProcess.run(arguments) { torpor in
        for _ in 1...5 {
          let client = try Client(connectingTo: endpoint)
          try client.ask(server.exchange(directory))
          let serving = try torpor.waitFor(.serving)
          // It is the descriptor that it was told of: it has made none of its own.
          try #require(ProcessTable.listeners(try #require(serving.pid), port: endpoint.port) == [3])
          client.close()
          try torpor.waitFor(.rested)
          try torpor.requireNothingRuns()
        }
        try #require(torpor.count(of: .failed) == 0)
      }
    }

    @Test func eachSocketHasItsNameAndItsNumber() throws {
      let ports = [try freePort(), try freePort(), try freePort()]
      let addresses = ports.map { "127.0.0.1:\($0)" }
      let directory = try TemporaryDirectory()
      let script = """
        printf '%%s\\n' "$LISTEN_FDS" "$LISTEN_FDNAMES" "$NUMBERS" "$HOME" "$@" > \(directory.path("facts.new"))
        mv \(directory.path("facts.new")) \(directory.path("facts"))
        exec sleep 60
        """
      let arguments =
        ["-l", "web=\(addresses[0])", "-l", "admin=\(addresses[1])", "-l", addresses[2], "--name", "a:b", "--start"]
        + ["--env", "NUMBERS=%{fds:;}", "--env", "HOME=/nowhere", "--"]
        + ["sh", "-c", script, "sh", "fd@%{fd:admin}", "%{fd:a_b.socket}", "100%%", "%d"]
      try TorporProcess.run(arguments) { _ in
        let facts = try waitForLines(of: "facts", in: directory)
        try #require(facts == ["3", "web:admin:a_b.socket", "3;4;5;", "/nowhere", "fd@4", "5", "100%", "%d"])
      }
    }

    /// It binds the second address, and is told the number of the first: nothing is forgotten, and nothing given up.
    @Test func aSocketThatIsTakenByItsNumberIsNotMissedByOneThatBindsAnother() throws {
      let (named, bound) = (Endpoint.v4(try freePort()), Endpoint.v4(try freePort()))
      let arguments =
        ["-l", "named=\(named)", "-l", "\(bound)", "--idle", "2s", "--start-timeout", "1s"]
        + ["--env", "UNUSED=%{fd:named}", "--"] + OddServer.command(bound)
      try TorporProcess.run(arguments) { torpor in
        try Client.ask(bound, .ping)
        try torpor.waitFor(.rested)
        try #require(torpor.count(of: .neverBound) == 0)
        // Nobody serves it here, but it is held.
        _ = try Client(connectingTo: named)
      }
    }

    @Test func withListenFDsNoFilterIsInstalledAndWithAdoptNoSocketPassed() throws {
      try OddServer.run(["--listen-fds"], options: ["--handover", "listen-fds"]) { torpor, endpoint in
        let pid = try serving(torpor, endpoint)
        try #require(ProcessTable.status(pid, "Seccomp") == "0")
        try #require(ProcessTable.status(pid, "NoNewPrivs") == "0")
      }
      try OddServer.run(options: ["--handover", "adopt"]) { torpor, endpoint in
        let pid = try serving(torpor, endpoint)
        try #require(ProcessTable.status(pid, "Seccomp") == "2")
        let variables = ProcessTable.environment(pid)
        try #require(variables["LISTEN_FDS"] == nil && variables["LISTEN_PID"] == nil)
        try #require(ProcessTable.listeners(pid, port: endpoint.port).count == 1)
      }
    }

    private func serving(_ torpor: TorporProcess, _ endpoint: Endpoint) throws -> pid_t {
      let client = try Client(connectingTo: endpoint)
      try client.ask(.ping)
      return try #require(try torpor.waitFor(.serving).pid)
    }

    @Test(arguments: [
      (["--env", "A=%{fd:x}"], "'%{fd:x}' names no socket; there is 'web'"),
      (["--env", "A=%{fds"], "'%{fds' has no closing brace"), (["--env", "%{fd:web}"], "'%{fd:web}' is no NAME=VALUE"),
      (["--env", "=1"], "'=1' is no NAME=VALUE"), (["--env", "LISTEN_FDS=1"], "LISTEN_FDS is set by torpor"),
      (["--handover", "adopt", "--env", "A=%{fd:web}"], "--handover adopt passes none"),
      (["-l", "a b=127.0.0.1:80"], "'a b' can't be a name"),
    ])
    func aPlaceholderThatMeansNothingIsToldAtTheStart(options: [String], told: String) throws {
      let outcome = try Outcome(of: ["-l", "web=127.0.0.1:\(try freePort())"] + options + ["--", "true"])
      #expect(outcome.status == .exited(2))
      #expect(outcome.errors.contains(told), "\(outcome.errors)")
    }
  }
}

/// The lines of a file that appears whole.
func waitForLines(of name: String, in directory: TemporaryDirectory) throws -> [Substring] {
  let deadline = Deadline(after: .seconds(10))
  while !deadline.hasPassed {
    let lines = directory.lines(of: name)
    if !lines.isEmpty { return lines }
    usleep(5000)
  }
  throw SystemFailure("wait for \(name)", ETIMEDOUT)
}
