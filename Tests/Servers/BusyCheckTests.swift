import Foundation
import Testing

extension SharedDataTests {
  /// The service's own word, by a command.
  @Suite struct BusyCheckTests {
    private static let checks = Machine.projectDirectory + "/Examples/checks"

    @Test func aBusyAnswerKeepsItUpAndAnIdleOneLetsItRest() throws {
      let directory = try TemporaryDirectory()
      let file = try directory.write("", to: "busy")
      // It says what it has found, and is a client itself.
      let endpoint = Endpoint.v4(try freePort())
      let check =
        "exec 3<>/dev/tcp/127.0.0.1/\(endpoint.port); printf 'PING\\r\\n' >&3; read answer <&3; "
        + "echo first; test -e \(file) && echo '1 job' && exit 1; echo none"
      let arguments = [
        "-l", "\(endpoint)", "--idle", "2s", "--senses", "connections", "--busy-check", "bash -c \"\(check)\"",
      ]
      try TorporProcess.run(arguments + ["--"] + OddServer.command(endpoint)) { torpor in
        try Client.ask(endpoint, .ping)
        try torpor.waitFor(.serving)
        try #require(try torpor.hears(noneOf: .resting, .rested, .failed, .warning, for: .seconds(6)))
        unlink(file)
        let end = wallClockSeconds()
        let resting = try torpor.waitFor(.resting, within: .seconds(8))
        // It is asked once a second, so it may have been busy up to a second before.
        try #require(resting.time - end >= 1.0 - 0.1)
        try #require(resting.time - end <= 2.25 + 1.0 + 0.5)
        try torpor.waitFor(.rested)
        try torpor.requireNothingRuns()
      }
    }

    // The last ones write without end, a line after the other and in one line.
    @Test(arguments: ["exit 7", "sleep 60 & sleep 60", "/nowhere/check", "kill -9 $$", "yes", "cat /dev/zero"])
    func whatIsNoAnswerIsBusyAndIsTold(check: String) throws {
      try OddServer.run(idle: "1s", options: ["--senses", "connections", "--busy-check", check]) { torpor, endpoint in
        try Client.ask(endpoint, .ping)
        try torpor.waitFor(.serving)
        let warning = try torpor.waitFor(.warning, within: .seconds(10))
        try #require(try #require(warning.message).contains("busy check"))
        // Once, however often it fails.
        try #require(try torpor.hears(noneOf: .resting, .rested, .failed, .warning, for: .seconds(3)))
        // And nobody waits for it meanwhile.
        let took = try Client.ask(endpoint, .ping)
        try #require(took < .milliseconds(500))
      }
    }

    @Test func whatIsMuchIsReadToItsEndAndNotKept() throws {
      let check = "sh -c \"head -c 5000000 /dev/zero; echo; echo nothing runs\""
      try OddServer.run(idle: "1s", options: ["--senses", "connections", "--busy-check", check]) { torpor, endpoint in
        try Client.ask(endpoint, .ping)
        let end = wallClockSeconds()
        try torpor.waitFor(.serving)
        let resting = try torpor.waitFor(.resting, within: .seconds(8))
        try #require(resting.time - end <= 1.125 + 3)
        try torpor.waitFor(.rested)
        let peak = ProcessTable.status(torpor.pid, "VmHWM")?.split(separator: " ").first.flatMap { Int($0) } ?? .max
        try #require(peak < 60_000, "\(peak) kB")
      }
    }

    /// Its answer is for nobody then, and the next look asks anew.
    @Test func aReloadDuringTheCheckDoesNotKeepItUpForEver() throws {
      let endpoint = Endpoint.v4(try freePort())
      let directory = try TemporaryDirectory()
      directory.makeWorldWritable()
      let mark = directory.path("asked")
      func unit(stopTimeout: String) -> String {
        let check = "BusyCheck=sh -c \"touch \(mark); sleep 2\""
        return OddServer.unit(
          endpoint, idle: "1s", more: "Senses=connections\n\(check)\n[Service]\nTimeoutStopSec=\(stopTimeout)")
      }
      func awaitCheck() throws {
        let deadline = Deadline(after: .seconds(15))
        while access(mark, F_OK) != 0, !deadline.hasPassed { usleep(10_000) }
        try #require(access(mark, F_OK) == 0)
        unlink(mark)
      }
      try ManagerProcess.run(["one.torpor": unit(stopTimeout: "20s")]) { manager in
        try Client.ask(endpoint, .ping)
        try awaitCheck()
        try manager.write(unit(stopTimeout: "21s"), to: "one.torpor")
        #expect(try manager.torpor("reload").contains("changed: one"))
        try manager.waitFor("dormant", of: "one")
        try Client.ask(endpoint, .ping)
        try awaitCheck()
        try manager.remove("one.torpor")
        #expect(try manager.torpor("reload").contains("gone: one"))
        let deadline = Deadline(after: .seconds(15))
        while try !manager.statuses().isEmpty, !deadline.hasPassed { usleep(50_000) }
        #expect(try manager.statuses().isEmpty)
      }
    }

    @Test func whoStopsTheServiceDoesNotWaitForTheCheck() throws {
      try OddServer.run(idle: "300ms", options: ["--senses", "connections", "--busy-check", "sleep 60"]) {
        torpor, endpoint in
        try Client.ask(endpoint, .ping)
        try torpor.waitFor(.serving)
        usleep(800_000)
        let begin = ContinuousClock.now
        try torpor.stopGracefully()
        try #require(begin.duration(to: .now) < .seconds(2))
      }
    }

    // MARK: ready-made ones, on the real servers

    private func requireAnswers(
      _ server: MatrixServer, _ check: (Endpoint) -> [String], idle: Int32 = 0,
      busyWhile work: (Endpoint) -> [String], says evidence: String, options: [String] = []
    ) throws {
      let directory = try TemporaryDirectory()
      directory.makeWorldWritable()
      let endpoint = Endpoint.v4(try freePort())
      let place = MatrixServer.Place(directory: directory, held: [endpoint], handover: .auto)
      let setup = try server.setUp(place)
      let command = check(endpoint).joined(separator: " ")
      let arguments =
        [
          "-l", "\(endpoint)", "--idle", "2s", "--connections", "active", "--senses", "connections", "--busy-check",
          command,
        ]
        + setup.options + ["--"] + setup.command
      try TorporProcess.run(arguments) { torpor in
        let client = try ChildProcess(work(endpoint))
        defer { client.killAndWait() }
        try torpor.waitFor(.serving, within: .seconds(20))
        // Silent, with no processor time: only its own word can tell.
        usleep(500_000)
        let answer = try ChildProcess(check(endpoint))
        let status = answer.waitForExit(within: .seconds(5))
        _ = answer.output.waitForEnd(within: .seconds(1))
        try #require(status == .exited(1), "\(answer.output.text) \(answer.errors.text)")
        try #require(answer.output.text.contains(evidence), "\(answer.output.text)")
        var isHeard = true
        while client.isRunning, isHeard {
          isHeard = try torpor.hears(noneOf: .resting, .warning, for: .milliseconds(50))
        }
        try #require(isHeard)
        try #require(client.waitForExit(within: .seconds(1)) == .exited(0), "\(client.errors.text)")
        let end = wallClockSeconds()
        let resting = try torpor.waitFor(.resting, within: .seconds(10))
        try #require(resting.time - end >= 0.9)
        try #require(resting.time - end <= 2.25 + 1.0 + 0.8)
        try torpor.waitFor(.rested, within: .seconds(20))
      }
    }

    @Test(.installed(.mariadb)) func mariadbSaysWhatItDoes() throws {
      func client(_ endpoint: Endpoint) -> [String] {
        ["--no-defaults", "--host=127.0.0.1", "--port=\(endpoint.port)", "--user=root"]
      }
      try requireAnswers(
        .mariadb, { [Self.checks + "/mariadb"] + client($0) },
        busyWhile: { ["mariadb"] + client($0) + ["-e", "SELECT SLEEP(6)"] }, says: "1 running statements")
      try requireAnswers(
        .mariadb, { [Self.checks + "/mariadb"] + client($0) },
        busyWhile: {
          let options = client($0).joined(separator: " ")
          let statements = "BEGIN; UPDATE torpor.big SET text = text WHERE id = 1;"
          return ["sh", "-c", "(echo \"\(statements)\"; sleep 6) | mariadb \(options)"]
        }, says: "1 open transactions")
    }

    @Test(.installed(.postgres)) func postgresSaysWhatItDoes() throws {
      func client(_ endpoint: Endpoint) -> [String] {
        ["--host=127.0.0.1", "--port=\(endpoint.port)", "--username=postgres"]
      }
      try requireAnswers(
        .postgres, { [Self.checks + "/postgres"] + client($0) },
        busyWhile: { ["psql", "-X"] + client($0) + ["-c", "SELECT pg_sleep(6)"] }, says: "1 running statements")
      try requireAnswers(
        .postgres, { [Self.checks + "/postgres"] + client($0) },
        busyWhile: {
          ["sh", "-c", "(echo 'BEGIN; SELECT 1;'; sleep 6) | psql -X \(client($0).joined(separator: " "))"]
        }, says: "1 open transactions")
    }

    @Test(.installed(.redis)) func redisSaysWhatItDoes() throws {
      try requireAnswers(
        .redis, { [Self.checks + "/redis", "-p", "\($0.port)"] },
        busyWhile: { ["redis-cli", "-p", "\($0.port)", "BLPOP", "nothing", "6"] }, says: "blocked_clients 1")
    }
  }
}
