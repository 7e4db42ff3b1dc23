import Foundation
import Testing

extension ServerTests {
  /// Real servers sleep with their connections open (`--rest freeze`), and nobody notices.
  @Suite(.enabled(if: Machine.canFreeze, "needs a cgroup v2 that can be written"))
  struct FrozenServerTests {
    // MARK: redis

    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
    func anOldConnectionOfAPoolWakesRedis() throws {
      try FrozenService.run(RealServer.redis) { torpor, endpoint in
        let clients = try FrozenService.pool(of: 8, endpoint)
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
      try FrozenService.run(RealServer.redis) { torpor, endpoint in
        let clients = try FrozenService.pool(of: 2, endpoint)
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
      try FrozenService.run(RealServer.redis, options: ["--stop-after-frozen", "700ms"]) { torpor, endpoint in
        let clients = try FrozenService.pool(of: 3, endpoint)
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
      try FrozenService.run(RealServer.redis) { torpor, endpoint in
        let clients = try FrozenService.pool(of: 2, endpoint)
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
      try FrozenService.run(.keptAlive(seconds: 3), idle: "500ms") { torpor, endpoint in
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

    // MARK: who counts

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
      try FrozenService.run(
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

    /// However seldom it is looked at, and however often it is probed: the time until it is stopped goes on.
    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
    func aSourceThatDoesNotCountDoesNotPutOffItsEnd() throws {
      try FrozenService.run(
        RealServer.redis, idle: "8s",
        options: ["--ignore-source", "127.0.0.2", "--stop-after-frozen", "6s"],
        serverOptions: ["--protected-mode", "no"]
      ) { torpor, endpoint in
        let client = try Client(connectingTo: endpoint)
        try client.ask(.ping)
        let frozen = try torpor.waitFor(.frozen, within: .seconds(15))
        let probe =
          "import socket; c = socket.create_connection(('127.0.0.1', \(endpoint.port)), 5, ('127.0.0.2', 0)); "
          + "c.sendall(b'PING\\r\\n'); print(c.recv(9).decode().strip())"
        for _ in 0..<2 {
          usleep(1_500_000)
          #expect(try Tool.run(["/usr/bin/python3", "-c", probe]).contains("+PONG"))
        }
        let rested = try torpor.waitFor(.rested, within: .seconds(15))
        #expect(rested.time - frozen.time >= 6)
        #expect(rested.time - frozen.time < 8)
        try client.expectEnd()
      }
    }
  }
}
