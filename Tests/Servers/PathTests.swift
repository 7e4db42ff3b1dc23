import Foundation
import Glibc
import Testing

extension OwnDataTests {
  /// Unmodified servers at unix paths sleep, wake on a connection, and sleep again.
  @Suite struct PathTests {
    @Test(.enabled(if: PathServer.redis.isInstalled, "redis-server isn't installed"))
    func redisServesTheFirstClientOfEachOfTwentyLives() throws { try liveAndRest(.redis) }

    @Test(.enabled(if: PathServer.nginx.isInstalled, "nginx isn't installed"))
    func nginxServesTheFirstClientOfEachOfTwentyLives() throws { try liveAndRest(.nginx) }

    @Test(.enabled(if: PathServer.memcached.isInstalled, "memcached isn't installed"))
    func memcachedServesTheFirstClientOfEachOfTwentyLives() throws { try liveAndRest(.memcached) }

    @Test(.enabled(if: PathServer.node.isInstalled, "node isn't installed"))
    func nodeServesTheFirstClientOfEachOfTwentyLives() throws { try liveAndRest(.node) }

    @Test(.enabled(if: PathServer.python.isInstalled, "python3 isn't installed"))
    func pythonServesTheFirstClientOfEachOfTwentyLives() throws { try liveAndRest(.python) }

    @Test(.enabled(if: PathServer.phpFPM.isInstalled, "php-fpm isn't installed"))
    func phpServesTheFirstClientOfEachOfTwentyLives() throws { try liveAndRest(.phpFPM) }

    @Test(.enabled(if: PathServer.haproxy.isInstalled, "haproxy isn't installed"))
    func haproxyServesTheFirstClientOfEachOfTwentyLives() throws { try liveAndRest(.haproxy) }

    @Test(.enabled(if: PathServer.lighttpd.isInstalled, "lighttpd isn't installed"))
    func lighttpdServesTheFirstClientOfEachOfTwentyLives() throws { try liveAndRest(.lighttpd) }

    @Test(.enabled(if: PathServer.mariadb.isInstalled, "mariadb isn't installed"))
    func mariadbServesTheFirstClientOfEachOfTwentyLives() throws {
      // It knows LISTEN_FDS; here its own bind() is what counts.
      try liveAndRest(.mariadb, options: ["--handover", "adopt"])
    }

    @Test(
      .enabled(if: PathServer.redis.isInstalled, "redis-server isn't installed"),
      .enabled(if: Machine.canBecomeNobody, "needs root and setpriv, to become an ordinary user"))
    func redisServesTheFirstClientOfEachOfTwentyLivesUnderAnOrdinaryUser() throws {
      let copies = try TemporaryDirectory()
      try liveAndRest(.redis, wrapper: Machine.asNobody, binaries: Binaries.built.copied(to: copies))
    }

    private func liveAndRest(
      _ server: PathServer, options: [String] = [], wrapper: [String] = [], binaries: Binaries = .built
    ) throws {
      let directory = try TemporaryDirectory()
      directory.makeWorldWritable()
      let path = directory.path("service.sock")
      let arguments = options + ["-l", path, "--idle", "50ms", "--"] + (try server.command(path: path, in: directory))
      try TorporProcess.run(arguments, wrapper: wrapper, binaries: binaries) { torpor in
        var earlier: Set<pid_t> = []
        for life in 1...20 {
          let (serving, rested) = try torpor.wakeAndRest(.unix(path), server.exchange, within: .seconds(20))
          let pid = try #require(serving.pid)
          try #require(earlier.insert(pid).inserted, "life \(life) had the process of an earlier one")
          try #require(try #require(rested.awakeSeconds) >= 0.05)
        }
        try #require(torpor.count(of: .failed) == 0)
        try #require(torpor.count(of: .left) == 0)
        try #require(torpor.count(of: .warning) == 0)
      }
      // Nothing is left behind at the path or beside it.
      let left = try FileManager.default.contentsOfDirectory(atPath: directory.path).filter { $0.contains(".sock") }
      #expect(left.isEmpty)
    }

    /// php-fpm binds as root and then gives its socket away. Between the two nobody may be turned away who could connect before.
    @Test(.enabled(if: RealServer.python.isInstalled, "python3 isn't installed"))
    func whatAServiceMakesOfItsFileAfterBindIsKeptFromLifeToLife() throws {
      let directory = try TemporaryDirectory()
      let path = directory.path("service.sock")
      let server = """
        import os, socket, time
        listener = socket.socket(socket.AF_UNIX)
        os.umask(0o777)
        listener.bind("\(path)")
        time.sleep(0.3)
        os.chmod("\(path)", 0o640)
        listener.listen()
        while True:
            connection, _ = listener.accept()
            connection.recv(100)
            connection.sendall(b"+PONG\\r\\n")
            connection.close()
        """
      let command = [RealServer.python.program ?? "", "-c", server]
      try TorporProcess.run(["-l", path, "--idle", "50ms", "--handover", "adopt", "--"] + command) { torpor in
        // In its first life it is as bind() makes it, until the service says otherwise.
        try torpor.wakeAndRest(.unix(path), .ping)
        for _ in 1...2 {
          let client = try Client(connectingTo: .unix(path))
          try client.send(Exchange.ping.request)
          repeat {
            var status = stat()
            try #require(stat(path, &status) == 0)
            try #require(status.st_mode & 0o7777 == 0o640)
          } while client.hearsNothing(for: .milliseconds(2))
          try #require(try client.receiveToEnd() == "+PONG\r\n")
          client.close()
          try torpor.waitFor(.rested)
        }
      }
    }

    // MARK: what keeps it up

    private func withRedis(
      idle: String, options: [String] = [], body: (TorporProcess, Endpoint, TemporaryDirectory) throws -> Void
    ) throws {
      let directory = try TemporaryDirectory()
      let path = directory.path("redis.sock")
      let command = try PathServer.redis.command(path: path, in: directory)
      try TorporProcess.run(options + ["-l", path, "--idle", idle, "--"] + command) { torpor in
        try body(torpor, .unix(path), directory)
      }
    }

    @Test(.enabled(if: PathServer.redis.isInstalled, "redis-server isn't installed"))
    func shortConnectionsBetweenTwoLooksKeepTheServiceUp() throws {
      try withRedis(idle: "1s") { torpor, endpoint, _ in
        try Client.ask(endpoint, .ping)
        try torpor.waitFor(.serving)
        var last = 0.0
        for _ in 0..<10 {
          try #require(try torpor.hears(noneOf: .resting, .rested, .failed, for: .milliseconds(400)))
          last = wallClockSeconds()
          try Client.ask(endpoint, .ping)
        }
        let resting = try torpor.waitFor(.resting, within: .seconds(3))
        try #require(resting.time - last >= 1.0)
        try #require(resting.time - last <= 1.125 + 0.15)
        try torpor.waitFor(.rested)
        try #require(torpor.count(of: .serving) == 1)
      }
    }

    @Test(.enabled(if: PathServer.redis.isInstalled, "redis-server isn't installed"))
    func anOpenConnectionKeepsTheServiceUpAndTheRestComesInTimeAfterItsEnd() throws {
      try withRedis(idle: "1s") { torpor, endpoint, _ in
        let client = try Client(connectingTo: endpoint)
        try client.ask(.ping)
        try torpor.waitFor(.serving)
        try #require(try torpor.hears(noneOf: .resting, .rested, .failed, for: .milliseconds(2500)))
        try client.ask(.ping, within: .seconds(1))
        let before = wallClockSeconds()
        client.close()
        let after = wallClockSeconds()
        let resting = try torpor.waitFor(.resting, within: .seconds(3))
        try #require(resting.time - before >= 1.0)
        try #require(resting.time - after <= 1.125 + 0.15)
        try torpor.waitFor(.rested)
      }
    }

    /// Such a connection belongs to its client's namespace, and is in no list of ours.
    @Test(
      .enabled(if: PathServer.redis.isInstalled, "redis-server isn't installed"),
      .enabled(if: Machine.isRoot && Machine.find("unshare") != nil, "needs root and unshare"),
      .enabled(if: Machine.find("python3") != nil, "python3 isn't installed"))
    func aClientOfAnotherNetworkNamespaceKeepsTheServiceUp() throws {
      try withRedis(idle: "300ms") { torpor, endpoint, _ in
        let script = """
          import socket, sys
          s = socket.socket(socket.AF_UNIX); s.connect('\(endpoint)'); s.sendall(b'PING\\r\\n')
          print(s.recv(100), flush=True); sys.stdin.read()
          """
        let client = try ChildProcess(["unshare", "--net", "python3", "-c", script])
        defer { client.killAndWait() }
        try #require(client.output.contains("PONG", within: .seconds(5)))
        try torpor.waitFor(.serving)
        try #require(try torpor.hears(noneOf: .resting, .rested, .failed, for: .milliseconds(1500)))
        client.closeInput()
        try torpor.waitFor(.rested, within: .seconds(3))
      }
    }

    @Test(.enabled(if: PathServer.redis.isInstalled, "redis-server isn't installed"))
    func aPathThatSomebodyRemovesComesBackAtTheNextLook() throws {
      try withRedis(idle: "1s") { torpor, endpoint, directory in
        let client = try Client(connectingTo: endpoint)
        try client.ask(.ping)
        try torpor.waitFor(.serving)
        try FileManager.default.removeItem(atPath: directory.path("redis.sock"))
        let warning = try torpor.waitFor(.warning, within: .seconds(2))
        try #require(try #require(warning.message).contains("it is there again"))
        try Client.ask(endpoint, .ping)
        try client.ask(.ping)
        client.close()
        try torpor.waitFor(.rested)
        try Client.ask(endpoint, .ping)
      }
    }

    /// A port and a path at once: a client of either wakes it, and it rests when neither is used.
    @Test(.enabled(if: PathServer.redis.isInstalled, "redis-server isn't installed"))
    func aServiceWithAPortAndAPathIsServedByBoth() throws {
      let directory = try TemporaryDirectory()
      let path = directory.path("redis.sock")
      let port = Endpoint.v4(try freePort())
      let program = try #require(PathServer.redis.program)
      let command = [
        program, "--bind", "127.0.0.1", "--port", "\(port.port)", "--unixsocket", path, "--save", "", "--dir",
        directory.path,
      ]
      try TorporProcess.run(["-l", "\(port)", "-l", path, "--idle", "100ms", "--"] + command) { torpor in
        for life in 1...6 {
          try torpor.wakeAndRest(life.isMultiple(of: 2) ? port : .unix(path))
        }
        let byPort = try Client(connectingTo: port)
        try byPort.ask(.ping)
        try torpor.waitFor(.serving)
        try #require(try torpor.hears(noneOf: .rested, for: .milliseconds(500)))
        let byPath = try Client(connectingTo: .unix(path))
        try byPath.ask(.ping)
        byPort.close()
        try #require(try torpor.hears(noneOf: .rested, for: .milliseconds(500)))
        byPath.close()
        try torpor.waitFor(.rested)
        try #require(torpor.count(of: .failed) == 0)
      }
    }

    // MARK: many clients

    @Test(.enabled(if: PathServer.redis.isInstalled, "redis-server isn't installed"))
    func aCrowdAtADormantServiceIsServedWhole() throws {
      try withRedis(idle: "100ms") { torpor, endpoint, _ in
        let clients = try (0..<300).map { _ in try Client(beginConnectingTo: endpoint) }
        for client in clients { try client.ask(.ping) }
        try torpor.waitFor(.serving)
        for client in clients { client.close() }
        try torpor.waitFor(.rested)
      }
    }

    // MARK: the file

    private func mode(_ path: String) throws -> mode_t {
      var status = stat()
      try #require(lstat(path, &status) == 0)
      return status.st_mode & 0o7777
    }

    @Test(.enabled(if: PathServer.redis.isInstalled, "redis-server isn't installed"))
    func theFileHasTheModeThatTheServiceGaveIt() throws {
      let directory = try TemporaryDirectory()
      let path = directory.path("redis.sock")
      let command = try PathServer.redis.command(path: path, in: directory) + ["--unixsocketperm", "700"]
      try TorporProcess.run(["-l", path, "--idle", "50ms", "--"] + command) { torpor in
        try #require(try mode(path) == 0o666)
        try torpor.wakeAndRest(.unix(path))
        try #require(try mode(path) == 0o700)
        try torpor.wakeAndRest(.unix(path))
        try #require(try mode(path) == 0o700)
      }
    }

    @Test(.enabled(if: PathServer.redis.isInstalled, "redis-server isn't installed"))
    func theModeThatWasAskedForStays() throws {
      try withRedis(idle: "50ms", options: ["--socket-mode", "0640"]) { torpor, endpoint, directory in
        let path = directory.path("redis.sock")
        try #require(try mode(path) == 0o640)
        try torpor.wakeAndRest(endpoint)
        try #require(try mode(path) == 0o640)
      }
    }

    @Test(
      .enabled(if: PathServer.redis.isInstalled, "redis-server isn't installed"),
      .enabled(if: Machine.isRoot, "needs root, to run as another user"))
    func thePathBelongsToTheServicesUser() throws {
      let directory = try TemporaryDirectory()
      let path = directory.path("redis.sock")
      directory.makeWorldWritable()
      let command = try PathServer.redis.command(path: path, in: directory) + ["--unixsocketperm", "600"]
      try TorporProcess.run(["-l", path, "--user", "nobody", "--idle", "50ms", "--"] + command) { torpor in
        for _ in 1...3 {
          var status = stat()
          try #require(lstat(path, &status) == 0)
          try #require(status.st_uid == 65534)
          try torpor.wakeAndRest(.unix(path))
        }
        try #require(try mode(path) == 0o600)
      }
    }

    @Test(.enabled(if: PathServer.redis.isInstalled, "redis-server isn't installed"))
    func theWakingClientIsNamed() throws {
      try withRedis(idle: "10s") { torpor, endpoint, directory in
        let client = try Client(connectingTo: endpoint)
        let serving = try torpor.waitFor(.serving)
        try #require(serving.clientPid == getpid())
        try #require(serving.client == nil)
        try #require(serving.socket == directory.path("redis.sock"))
        try client.ask(.ping)
      }
    }

    // MARK: what can't be held

    @Test(.enabled(if: PathServer.redis.isInstalled, "redis-server isn't installed"))
    func thePathsHolderIsNamed() throws {
      let directory = try TemporaryDirectory()
      let path = directory.path("redis.sock")
      let holder = try ChildProcess(PathServer.redis.command(path: path, in: directory))
      defer { holder.killAndWait() }
      try #require(holder.output.contains("accept connections at", within: .seconds(10)))
      let outcome = try Outcome(of: ["-l", path, "--", "true"])
      #expect(outcome.status == .exited(1))
      #expect(outcome.errors.contains("torpor: \(path) is in use by redis-server[\(holder.pid)]"), "\(outcome.errors)")
      try Client.ask(.unix(path), .ping)
    }

    @Test func aSecondTorporAtTheSamePathIsRefused() throws {
      let directory = try TemporaryDirectory()
      let path = directory.path("x.sock")
      try TorporProcess.run(["-l", path, "--", "true"]) { _ in
        let outcome = try Outcome(of: ["-l", path, "--", "true"])
        try #require(outcome.status == .exited(1))
        try #require(outcome.errors.contains("\(path) is held by another torpor"), "\(outcome.errors)")
      }
    }

    @Test func aFileThatIsNoSocketIsLeftAlone() throws {
      let directory = try TemporaryDirectory()
      let path = try directory.write("precious", to: "x.sock")
      let outcome = try Outcome(of: ["-l", path, "--", "true"])
      #expect(outcome.status == .exited(1))
      #expect(outcome.errors.contains("\(path) is there already and is no socket"), "\(outcome.errors)")
      #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
    }

    @Test(arguments: [
      "unix:relative", "@", "unix:@", "fifo:@x", "/", "/run/", "/run/../x",
      "/" + String(repeating: "x", count: 107),
    ])
    func whatIsNoPathToHoldIsSaid(address: String) throws {
      let outcome = try Outcome(of: ["-l", address, "--", "true"])
      #expect(outcome.status == .exited(2))
      #expect(outcome.errors.contains("'\(address)' is not an address"), "\(outcome.errors)")
    }
  }
}
