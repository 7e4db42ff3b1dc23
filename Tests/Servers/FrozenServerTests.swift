import Foundation
import Testing

extension ServerTests {
  /// Real servers sleep with their connections open (`--rest freeze`), and nobody notices.
  @Suite(.enabled(if: Machine.canFreeze, "needs a cgroup v2 that can be written"))
  struct FrozenServerTests {
    private func run(
      _ server: RealServer, idle: String = "300ms", options: [String] = [], serverOptions: [String] = [],
      _ body: (TorporProcess, Endpoint) throws -> Void
    ) throws {
      let directory = try TemporaryDirectory()
      directory.makeWorldWritable()
      let endpoint = Endpoint.v4(try freePort())
      let command = try server.command(port: endpoint.port, in: directory) + serverOptions
      let arguments = ["-l", "\(endpoint)", "--idle", idle, "--rest", "freeze"] + options + ["--"] + command
      try TorporProcess.run(arguments) { try body($0, endpoint) }
    }

    private func pool(of count: Int, _ endpoint: Endpoint) throws -> [Client] {
      try (0..<count).map { _ in
        let client = try Client(connectingTo: endpoint)
        try client.ask(.ping)
        return client
      }
    }

    // MARK: redis

    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
    func anOldConnectionOfAPoolWakesRedis() throws {
      try run(RealServer.redis) { torpor, endpoint in
        let clients = try pool(of: 8, endpoint)
        let serving = try torpor.waitFor(.serving)
        let pid = try #require(serving.pid)
        for client in clients {
          let frozen = try torpor.waitFor(.frozen)
          try #require(frozen.connections == 8)
          try FrozenService.awaitSleep(of: pid)
          try client.ask(.ping)
          try #require(!FrozenService.isFrozen(pid))
          let thawed = try torpor.waitFor(.thawed)
          try #require(thawed.reason == "data from \(client.localAddress)")
        }
        try torpor.waitFor(.frozen)
        // None was closed or reset by it.
        for client in clients { try client.ask(.ping) }
        try #require(torpor.count(of: .serving) == 1)
      }
    }

    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
    func aNewConnectionWakesItAndTheEndOfAnOldOne() throws {
      try run(RealServer.redis) { torpor, endpoint in
        let clients = try pool(of: 2, endpoint)
        let pid = try #require(try torpor.waitFor(.serving).pid)
        try torpor.waitFor(.frozen)
        try FrozenService.awaitSleep(of: pid)
        try Client.ask(endpoint, .ping)
        #expect(try torpor.waitFor(.thawed).reason == "a client")
        try torpor.waitFor(.frozen)
        try FrozenService.awaitSleep(of: pid)
        clients[0].close()
        #expect(try torpor.waitFor(.thawed).reason?.hasPrefix("the end of a connection from 127.0.0.1:") == true)
        #expect(try torpor.waitFor(.frozen).connections == 1)
        try clients[1].ask(.ping)
      }
    }

    @Test(.enabled(if: PathServer.redis.isInstalled, "redis-server isn't installed"))
    func aConnectionToAPathStaysOpenToo() throws {
      let directory = try TemporaryDirectory()
      directory.makeWorldWritable()
      let path = directory.path("service.sock")
      let command = try PathServer.redis.command(path: path, in: directory)
      try TorporProcess.run(["-l", path, "--idle", "300ms", "--rest", "freeze", "--"] + command) { torpor in
        let client = try Client(connectingTo: .unix(path))
        try client.ask(.ping)
        let pid = try #require(try torpor.waitFor(.serving).pid)
        for _ in 0..<3 {
          try torpor.waitFor(.frozen)
          try FrozenService.awaitSleep(of: pid)
          try client.ask(.ping)
          #expect(try torpor.waitFor(.thawed).reason == "data by a unix socket")
        }
      }
    }

    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
    func frozenForLongItIsStoppedAndWokenByTheNext() throws {
      try run(RealServer.redis, options: ["--stop-after-frozen", "700ms"]) { torpor, endpoint in
        let clients = try pool(of: 3, endpoint)
        let frozen = try torpor.waitFor(.frozen)
        let rested = try torpor.waitFor(.rested)
        #expect(rested.time - frozen.time >= 0.65)
        for client in clients { try client.expectEnd() }
        try Client.ask(endpoint, .ping)
        #expect(torpor.count(of: .failed) == 0)
      }
    }

    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
    func whatIsFrozenEndsWithTorpor() throws {
      try run(RealServer.redis) { torpor, endpoint in
        let clients = try pool(of: 2, endpoint)
        let pid = try #require(try torpor.waitFor(.serving).pid)
        try torpor.waitFor(.frozen)
        let cgroup = try #require(FrozenService.cgroup(of: pid))
        try torpor.stopGracefully()
        #expect(access(cgroup, F_OK) != 0)
        for client in clients { try client.expectEnd() }
      }
    }

    // MARK: nginx

    @Test(.enabled(if: RealServer.nginx.isInstalled, "nginx isn't installed"))
    func aTimerOfItsOwnIsNotLate() throws {
      try run(.keptAlive(seconds: 3), idle: "500ms") { torpor, endpoint in
        let question = Exchange.keptHTTP(path: "/again", body: "you asked for /again\n")
        let client = try Client(connectingTo: endpoint)
        try client.ask(question)
        try torpor.waitFor(.frozen)
        // In time for it: the same connection is served.
        try client.ask(question)
        let asked = ContinuousClock.now
        try torpor.waitFor(.frozen)
        // nginx closes it after three seconds, as if it had been awake.
        #expect(try client.receiveToEnd(within: .seconds(10)) == "")
        let took = asked.duration(to: .now)
        print("keepalive: closed after \(took)")
        #expect(took > .milliseconds(2800) && took < .milliseconds(3600))
      }
    }

    // MARK: postgres

    @Test(.installed(.postgres)) func aSessionInTheMiddleOfATransactionGoesOn() throws {
      let directory = try TemporaryDirectory()
      directory.makeWorldWritable()
      let endpoint = Endpoint.v4(try freePort())
      let place = MatrixServer.Place(directory: directory, held: [endpoint], handover: .auto)
      let setup = try MatrixServer.postgres.setUp(place)
      let script = try directory.write(
        "BEGIN; CREATE TEMP TABLE kept (word text); INSERT INTO kept VALUES ('kept');\n\\! sleep 4\n"
          + "SELECT word FROM kept; COMMIT;\n", to: "session.sql")
      let arguments =
        ["-l", "\(endpoint)", "--idle", "1s", "--rest", "freeze"] + setup.options + ["--"] + setup.command
      try TorporProcess.run(arguments) { torpor in
        let session = try ChildProcess([
          "psql", "-X", "-q", "-At", "-h", "127.0.0.1", "-p", "\(endpoint.port)", "-U", "postgres", "-f", script,
        ])
        defer { session.killAndWait() }
        let pid = try #require(try torpor.waitFor(.serving, within: .seconds(20)).pid)
        try torpor.waitFor(.frozen)
        // Its helpers have timers of their own.
        try FrozenService.awaitSleep(of: pid)
        // Somebody else is served meanwhile.
        let other = try Hammer.visit(endpoint, setup.question("word"))
        #expect(other.tally.ok == 1)
        #expect(session.waitForExit(within: .seconds(15)) == .exited(0))
        _ = session.output.waitForEnd(within: .seconds(5))
        #expect(session.output.all == ["kept"], "\(session.errors.text)")
      }
    }

    // MARK: many

    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
    func nobodyIsLostWhileItIsFrozenAgainAndAgain() throws {
      let rounds = Machine.number("TORPOR_HAMMER_FREEZES", default: 200)
      try run(RealServer.redis, idle: "5ms") { torpor, endpoint in
        let clients = try pool(of: 4, endpoint)
        try torpor.waitFor(.frozen)
        let before = try descriptors(of: torpor.pid)
        let hammer = try Hammer(endpoint, request: "redis", meanPauseMicroseconds: 30_000)
        let deadline = Deadline(after: .seconds(120))
        while torpor.count(of: .frozen) < rounds, !deadline.hasPassed { _ = try torpor.next(within: .seconds(20)) }
        let tally = try hammer.finish()
        print(
          "freeze: rounds=\(torpor.count(of: .frozen)) aborts=\(torpor.count(of: .restAborted)) requests=\(tally.requests)",
          "lost=\(tally.lost) slow=\(tally.slow) slowest=\(tally.max_ms ?? 0) ms")
        try #require(torpor.count(of: .frozen) >= rounds)
        try #require(tally.lost == 0 && tally.slow == 0 && tally.ok == tally.requests)
        for client in clients { try client.ask(.ping) }
        try #require(torpor.count(of: .serving) == 1)
        let after = try descriptors(of: torpor.pid)
        #expect(after <= before, "\(before) descriptors before, \(after) after")
      }
    }

    /// The least of some readings: what helpers have is closed a moment later.
    private func descriptors(of pid: pid_t) throws -> Int {
      var readings: [Int] = []
      for _ in 0..<20 {
        readings.append(try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count)
        usleep(20_000)
      }
      return readings.min() ?? 0
    }

    @Test(.enabled(if: RealServer.nginx.isInstalled, "nginx isn't installed"))
    func nobodyIsLostWhileNginxIsFrozenAgainAndAgain() throws {
      // A master and a worker.
      try run(RealServer.nginx, idle: "5ms") { torpor, endpoint in
        let hammer = try Hammer(
          endpoint, .http("/again", body: "you asked for /again\n"), clients: 4, meanPause: .milliseconds(30))
        let deadline = Deadline(after: .seconds(60))
        while torpor.count(of: .frozen) < 100, !deadline.hasPassed { _ = try torpor.next(within: .seconds(20)) }
        let tally = try hammer.finish()
        print("freeze: nginx: rounds=\(torpor.count(of: .frozen)) requests=\(tally.requests) lost=\(tally.lost)")
        try #require(torpor.count(of: .frozen) >= 100)
        try #require(tally.lost == 0 && tally.slow == 0 && tally.ok == tally.requests)
      }
    }

    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
    func aServiceThatIsRelayedToSleepsToo() throws {
      let directory = try TemporaryDirectory()
      let endpoint = Endpoint.v4(try freePort())
      let own = Endpoint.v4(try freePort())
      let command = try RealServer.redis.command(port: own.port, in: directory)
      let arguments = [
        "-l", "\(endpoint)", "--handover", "relay", "--to", "\(own)", "--idle", "300ms", "--rest", "freeze", "--",
      ]
      try TorporProcess.run(arguments + command) { torpor in
        let client = try Client(connectingTo: endpoint)
        try client.ask(.ping)
        let pid = try #require(try torpor.waitFor(.serving).pid)
        try torpor.waitFor(.frozen)
        try FrozenService.awaitSleep(of: pid)
        try client.ask(.ping)
        try torpor.waitFor(.thawed)
        try torpor.waitFor(.frozen)
        try FrozenService.awaitSleep(of: pid)
        try Client.ask(endpoint, .ping)
        try torpor.waitFor(.thawed)
        try client.ask(.ping)
      }
    }

    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
    func aSourceThatDoesNotCountIsServedAndKeepsNothingUp() throws {
      // redis answers strangers only if it is told to, and takes 127.0.0.2 for one.
      let answering = ["--protected-mode", "no"]
      try run(
        RealServer.redis, idle: "2s", options: ["--ignore-source", "127.0.0.2"], serverOptions: answering
      ) { torpor, endpoint in
        let client = try Client(connectingTo: endpoint)
        try client.ask(.ping)
        let pid = try #require(try torpor.waitFor(.serving).pid)
        try torpor.waitFor(.frozen)
        try FrozenService.awaitSleep(of: pid)
        let probe =
          "import socket; c = socket.create_connection(('127.0.0.1', \(endpoint.port)), 5, ('127.0.0.2', 0)); "
          + "c.sendall(b'PING\\r\\n'); print(c.recv(9).decode().strip())"
        #expect(try Tool.run(["/usr/bin/python3", "-c", probe]).contains("+PONG"))
        let thawed = try torpor.waitFor(.thawed)
        let frozen = try torpor.waitFor(.frozen)
        #expect(frozen.time - thawed.time < 1, "a probe keeps it up for \(frozen.time - thawed.time) s")
        try client.ask(.ping)
      }
    }

    // MARK: where it can't be

    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
    func withoutDescriptorsForItsConnectionsItGoesOn() throws {
      let directory = try TemporaryDirectory()
      let endpoint = Endpoint.v4(try freePort())
      let command = try RealServer.redis.command(port: endpoint.port, in: directory)
      let arguments = ["-l", "\(endpoint)", "--idle", "500ms", "--rest", "freeze", "--"] + command
      let few = ["sh", "-c", "ulimit -n 180; exec \"$@\"", "sh"]
      try TorporProcess.run(arguments, wrapper: few) { torpor in
        let clients = try pool(of: 80, endpoint)
        let impossible = try torpor.waitFor(.restImpossible)
        #expect(impossible.reason?.contains("RLIMIT_NOFILE") == true, "\(impossible.reason ?? "")")
        for client in clients { try client.ask(.ping) }
        for client in clients[8...] { client.close() }
        #expect(try torpor.waitFor(.frozen).connections == 8)
        for client in clients[..<8] { try client.ask(.ping) }
      }
    }

    @Test(
      .enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"),
      .enabled(if: Machine.canBecomeNobody, "needs root and setpriv, to become an ordinary user"))
    func withoutACgroupItIsStoppedWhenNothingIsOpen() throws {
      let copies = try TemporaryDirectory()
      let directory = try TemporaryDirectory()
      directory.makeWorldWritable()
      let endpoint = Endpoint.v4(try freePort())
      let command = try RealServer.redis.command(port: endpoint.port, in: directory)
      let arguments = ["-l", "\(endpoint)", "--idle", "300ms", "--rest", "freeze", "--"] + command
      let binaries = try Binaries.built.copied(to: copies)
      try TorporProcess.run(arguments, wrapper: Machine.asNobody, binaries: binaries) { torpor in
        let client = try Client(connectingTo: endpoint)
        try client.ask(.ping)
        try torpor.waitFor(.serving)
        #expect(try torpor.hears(noneOf: .resting, for: .seconds(1)))
        client.close()
        try torpor.waitFor(.rested)
        #expect(torpor.events.count { $0.message?.contains("Rest=freeze can't be had") ?? false } == 1)
      }
    }

    /// A cgroup that belongs to nobody, as systemd delegates one to a user's manager; words that put a command into it.
    private func withDelegatedCgroup(_ body: ([String]) throws -> Void) throws {
      let parent = try #require(FrozenService.cgroup(of: getpid()))
      let path = (parent.hasSuffix("/") ? parent : parent + "/") + "torpor-delegated-\(getpid())"
      try #require(mkdir(path, 0o755) == 0)
      defer {
        let deadline = Deadline(after: .seconds(5))
        while rmdir(path) != 0, errno == EBUSY, !deadline.hasPassed { usleep(10_000) }
      }
      for file in ["", "/cgroup.procs", "/cgroup.threads", "/cgroup.subtree_control"] {
        try #require(chown(path + file, 65534, 65534) == 0)
      }
      try body(["sh", "-c", "echo $$ > \(path)/cgroup.procs && exec \"$@\"", "sh"] + Machine.asNobody)
    }

    @Test(
      .enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"),
      .enabled(if: Machine.canBecomeNobody, "needs root and setpriv, to become an ordinary user"))
    func anOrdinaryUserWithACgroupOfItsOwnCanFreeze() throws {
      let copies = try TemporaryDirectory()
      let directory = try TemporaryDirectory()
      directory.makeWorldWritable()
      let endpoint = Endpoint.v4(try freePort())
      let command = try RealServer.redis.command(port: endpoint.port, in: directory)
      let arguments = ["-l", "\(endpoint)", "--idle", "300ms", "--rest", "freeze", "--"] + command
      try withDelegatedCgroup { wrapper in
        let binaries = try Binaries.built.copied(to: copies)
        try TorporProcess.run(arguments, wrapper: wrapper, binaries: binaries) { torpor in
          let client = try Client(connectingTo: endpoint)
          try client.ask(.ping)
          let pid = try #require(try torpor.waitFor(.serving).pid)
          try torpor.waitFor(.frozen)
          try FrozenService.awaitSleep(of: pid)
          try client.ask(.ping)
          try torpor.waitFor(.thawed)
        }
      }
    }

    /// It hides what it does from others of its user: what its connections are can't be known.
    @Test(
      .enabled(if: FixedServer.isInstalled, "python3 isn't installed"),
      .enabled(if: Machine.canBecomeNobody, "needs root and setpriv, to become an ordinary user"))
    func aServiceThatMayNotBeTracedIsStoppedInstead() throws {
      let copies = try TemporaryDirectory()
      let directory = try TemporaryDirectory()
      directory.makeWorldWritable()
      let endpoint = Endpoint.v4(try freePort())
      let script = try directory.write(
        """
        import ctypes, os, socket
        server = socket.socket(fileno=3)
        ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
        while True:
            client = server.accept()[0]
            while client.recv(100): client.sendall(b'+PONG\\r\\n')
            client.close()
        """, to: "hidden.py")
      let arguments = [
        "-l", "\(endpoint)", "--idle", "300ms", "--rest", "freeze", "--handover", "listen-fds", "--",
        "/usr/bin/python3", script,
      ]
      try withDelegatedCgroup { wrapper in
        let binaries = try Binaries.built.copied(to: copies)
        try TorporProcess.run(arguments, wrapper: wrapper, binaries: binaries) { torpor in
          let client = try Client(connectingTo: endpoint)
          try client.ask(.ping)
          #expect(try torpor.waitFor(.warning).message?.contains("Rest=freeze can't be had") == true)
          try torpor.waitFor(.restImpossible)
          #expect(try torpor.hears(noneOf: .resting, for: .seconds(1)))
          try client.ask(.ping)
          client.close()
          try torpor.waitFor(.rested)
        }
      }
    }
  }
}

extension RealServer {
  /// nginx, one process, which closes a connection that has been silent for so long.
  static func keptAlive(seconds: Int) -> RealServer {
    let base = nginxSingle
    return RealServer(name: "nginx, keepalive_timeout \(seconds)", program: base.program) { program, port, directory in
      let command = try base.prepare(program, port, directory)
      let path = directory.path("nginx.conf")
      let text = try String(contentsOfFile: path, encoding: .utf8)
      try directory.write(
        text.replacingOccurrences(of: "access_log off;", with: "access_log off; keepalive_timeout \(seconds)s;"),
        to: "nginx.conf")
      return command
    } exchange: { word in
      base.exchange(word)
    }
  }
}
