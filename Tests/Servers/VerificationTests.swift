import Foundation
import Testing

extension SharedDataTests {
  /// Services are started with nobody waiting, to find those that would not start when somebody waits.
  @Suite struct VerificationTests {
    @Test(.installed(.mariadb), .installed(.postgres))
    func corruptedDatabasesAreReportedAtBootAndEverythingElseGoesOn() throws {
      let scene = try Databases()
      let odd = Endpoint.v4(try freePort())
      let endpoints = (0..<4).map { Endpoint.unix(scene.directory.path("\($0)/.s.PGSQL.5432")) }
      let told = scene.directory.path("told")
      let script = try scene.directory.write(
        "#!/bin/sh\necho \"$TORPOR_UNIT: $TORPOR_REASON\" >> \(told)\n", to: "tell", mode: 0o755)
      let more = "Verify=boot\nOnFailure=\(script)"
      let lock = scene.directory.path("lock")
      let alone = "VerifyCheck=/bin/sh -c \"mkdir \(lock) && sleep 0.3 && rmdir \(lock)\""
      let units = [
        "maria-bad.torpor": try scene.mariadb("maria-bad", endpoints[0], "\(more)\n\(alone)"),
        "maria-good.torpor": try scene.mariadb("maria-good", endpoints[1], "\(more)\n\(alone)"),
        "postgres-bad.torpor": try scene.postgres("postgres-bad", endpoints[2], "\(more)\n\(alone)"),
        "postgres-good.torpor": try scene.postgres("postgres-good", endpoints[3], "\(more)\n\(alone)"),
        "odd.torpor": OddServer.unit(odd),
      ]
      let (bad, good) = (["maria-bad", "postgres-bad"], ["maria-good", "postgres-good"])
      try scene.corrupt()
      try ManagerProcess.run(units) { manager in
        func isTold(_ event: String, of name: String) -> Bool {
          manager.directory.lines(of: "state/journal.jsonl").contains {
            $0.contains("\"event\":\"\(event)\"") && $0.contains("\"service\":\"\(name)\"")
          }
        }
        let deadline = Deadline(after: .seconds(60))
        var mostAtOnce = 0
        while !good.allSatisfy({ isTold("verified", of: $0) })
          || !bad.allSatisfy({ isTold("verification-failed", of: $0) })
        {
          mostAtOnce = max(mostAtOnce, try manager.statuses().count { $0.state == "starting" && $0.name != "odd" })
          try Client.ask(odd, .ping)
          try #require(!deadline.hasPassed)
          usleep(20_000)
        }
        // Nor do two checks overlap: one of them would find the lock's directory.
        #expect(mostAtOnce <= 1)
        for name in bad {
          #expect(manager.process.errors.contains("\(name): FAILED its verification", within: .seconds(5)))
          #expect(try manager.torpor("status", "--json", name).contains("\"passed\":false"))
          let (status, output, _) = try manager.attempt(["verify", name])
          #expect(status == .exited(1), "\(output)")
          #expect(scene.directory.lines(of: "told").contains { $0.hasPrefix("\(name): ") && $0.count > name.count + 4 })
        }
        for name in good {
          #expect(try manager.torpor("status", "--json", name).contains("\"passed\":true"))
          #expect(try manager.torpor("verify", name).contains(name))
          #expect(!scene.directory.lines(of: "told").contains { $0.hasPrefix("\(name): ") })
        }
        try manager.waitFor("dormant", of: good)
      }
    }

    /// Nobody is in its queues, and nothing is bound: that it has lived for a while has to do.
    @Test(arguments: [
      (flags: ["--nonblocking"], handover: "auto", limit: 4.0),
      (flags: ["--blocking-accept"], handover: "listen-fds", limit: 4.0),
      (flags: ["--blocking-accept"], handover: "auto", limit: 12.0),
    ])
    func oneThatTakesItsSocketsAsTheyArePassedIsStartedSoon(flags: [String], handover: String, limit: Double) throws {
      let (verified, booted) = (Endpoint.v4(try freePort()), Endpoint.v4(try freePort()))
      let units = [
        "verified.torpor": OddServer.unit(verified, ["--listen-fds"] + flags, more: "Handover=\(handover)"),
        "booted.torpor": OddServer.unit(
          booted, ["--listen-fds"] + flags, idle: "1h", more: "Handover=\(handover)\nStart=boot"),
      ]
      try ManagerProcess.run(units) { manager in
        try manager.waitFor("running", of: "booted", within: .seconds(limit))
        let begin = ContinuousClock.now
        let output = try manager.torpor("verify", "verified")
        #expect(ContinuousClock.now - begin < .seconds(limit), "\(output)")
        #expect(output.contains("ready after"), "\(output)")
        try manager.waitFor("dormant", of: "verified")
        try Client.ask(verified, .ping)
        try Client.ask(booted, .ping)
      }
    }

    @Test func oneInUseIsNotDisturbedAndAFailingCheckFails() throws {
      let (used, wrong) = (Endpoint.v4(try freePort()), Endpoint.v4(try freePort()))
      let units = [
        "used.torpor": OddServer.unit(used),
        "wrong.torpor": OddServer.unit(wrong, more: "VerifyCheck=/bin/sh -c \"echo the index is broken; exit 3\""),
      ]
      try ManagerProcess.run(units) { manager in
        let client = try Client(connectingTo: used)
        try client.ask(.ping)
        let pid = try manager.status("used").pid
        try manager.torpor("verify", "used")
        try client.ask(.ping)
        #expect(try manager.status("used").pid == pid)
        let (status, output, _) = try manager.attempt(["verify", "wrong"])
        #expect(status == .exited(1))
        #expect(output.contains("the index is broken"))
        try manager.waitFor("dormant", of: "wrong")
        try Client.ask(wrong, .ping)
      }
    }
  }
}

/// Fresh data directories of both databases, two of each, of which one is then overwritten where nothing can be mended.
private struct Databases {
  let directory: TemporaryDirectory
  private let bin: String
  private static let mariadbd = Machine.find("mariadbd") ?? "mariadbd"
  private static let asPostgres =
    Machine.isRoot ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"] : []

  init() throws {
    directory = try TemporaryDirectory()
    directory.makeWorldWritable()
    bin = MatrixServer.postgres.needs[0].path ?? ""
    for number in 0..<4 {
      mkdir(directory.path("\(number)"), 0o777)
      chmod(directory.path("\(number)"), 0o777)
    }
    try Tool.run([
      "mariadb-install-db", "--no-defaults", "--user=root", "--auth-root-authentication-method=normal",
      "--skip-test-db",
      "--datadir=\(directory.path("maria-good"))",
    ])
    let postgres = directory.path("postgres-good")
    try Tool.run(
      Self.asPostgres + ["\(bin)/initdb", "-D", postgres, "-U", "postgres", "-A", "trust", "--no-sync", "--locale=C"])
    for name in ["maria", "postgres"] {
      try Tool.run(["cp", "-a", directory.path("\(name)-good"), directory.path("\(name)-bad")])
    }
  }

  func corrupt() throws {
    for file in ["maria-bad/ibdata1", "maria-bad/aria_log_control", "postgres-bad/global/pg_control"] {
      let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: directory.path(file)))
      let size = try handle.seekToEnd()
      try handle.seek(toOffset: 0)
      try handle.write(contentsOf: Data(repeating: 0xA5, count: Int(min(size, 1 << 20))))
      try handle.close()
    }
  }

  func mariadb(_ name: String, _ endpoint: Endpoint, _ more: String) throws -> String {
    let command = [
      Self.mariadbd, "--no-defaults", "--datadir=\(directory.path(name))", "--user=root", "--skip-networking",
      "--innodb-buffer-pool-size=16M", "--socket=\(endpoint)", "--pid-file=\(directory.path("\(name).pid"))",
    ]
    // As its Debian package has it: it takes the sockets that it is passed, so that no bind() of it tells that it is ready.
    return MatrixServer.Setup(command: command, options: ["--ready", "notify"]) { _ in .http("/", body: "") }
      .unit(holding: [endpoint], idle: "1s", more: more)
  }

  func postgres(_ name: String, _ endpoint: Endpoint, _ more: String) throws -> String {
    let folder = (endpoint.path.map { ($0 as NSString).deletingLastPathComponent }) ?? ""
    let command = [
      "\(bin)/postgres", "-D", directory.path(name), "-c", "listen_addresses=", "-c",
      "unix_socket_directories=\(folder)",
    ]
    let options = ["--ready", "notify"] + (Machine.isRoot ? ["--user", "postgres"] : [])
    return MatrixServer.Setup(command: command, options: options) { _ in .http("/", body: "") }
      .unit(holding: [endpoint], idle: "1s", more: more)
  }
}
