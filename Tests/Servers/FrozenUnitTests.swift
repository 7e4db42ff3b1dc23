import Foundation
import Testing

extension OwnDataTests {
  /// A unit with Rest=freeze, and the verbs that look at it.
  @Suite(
    .enabled(if: Machine.canFreeze, "needs a cgroup v2 that can be written"),
    .enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
  struct FrozenUnitTests {
    private func unit(_ endpoint: Endpoint, rest: String = "Rest=freeze\nStopAfterFrozenSec=1h") throws -> String {
      let program = try #require(Machine.find("redis-server"))
      return """
        [Socket]
        ListenStream=\(endpoint)

        [Service]
        ExecStart=\(program) --port \(endpoint.port) --bind 127.0.0.1 --save ""

        [X-Idle]
        TimeoutSec=400ms
        MinimumUptimeSec=0
        \(rest)

        """
    }

    @Test func aFrozenUnitIsShownWokenAndRested() throws {
      let endpoint = Endpoint.v4(try freePort())
      let torpord = try TorpordProcess(units: ["sleeper.torpor": try unit(endpoint)])
      let client = try Client(connectingTo: endpoint)
      try client.ask(.ping)
      try #require(try torpord.waits(until: "frozen", of: "sleeper"))
      let pid = try #require(try torpord.status("sleeper").pid)
      try FrozenService.awaitSleep(of: pid)
      #expect(try torpord.status("sleeper").connections == 1)

      let why = try torpord.torpor("why", "sleeper").output.joined(separator: "\n")
      #expect(why.hasPrefix("sleeper: frozen since "), "\(why)")
      #expect(why.contains("\(client.localAddress) stays open"), "\(why)")
      #expect(why.contains("whatever comes by a connection of its own"), "\(why)")

      #expect(try torpord.torpor("wake", "sleeper").output == ["sleeper serves"])
      #expect(try torpord.status("sleeper").state == "running")
      try #require(try torpord.waits(until: "frozen", of: "sleeper"))
      try FrozenService.awaitSleep(of: pid)
      try client.ask(.ping)
      try #require(try torpord.waits(until: "frozen", of: "sleeper"))

      let told = try torpord.torpor("history", "sleeper", "--directory", torpord.state)
      let history = told.output.joined(separator: "\n")
      #expect(history.contains("frozen, 1 connection open"), "\(history)")
      #expect(history.contains("data from \(client.localAddress)"), "\(history)")

      let rested = try torpord.torpor("rest", "sleeper")
      #expect(rested.status == .exited(0), "\(rested.errors)")
      #expect(try torpord.status("sleeper").state == "dormant")
      try client.expectEnd()
      try Client.ask(endpoint, .ping)
    }

    @Test func aHeldUnitStaysAsItIs() throws {
      let endpoint = Endpoint.v4(try freePort())
      let torpord = try TorpordProcess(units: [
        "sleeper.torpor": try unit(endpoint, rest: "Rest=freeze\nStopAfterFrozenSec=1s")
      ])
      let client = try Client(connectingTo: endpoint)
      try client.ask(.ping)
      try #require(try torpord.waits(until: "frozen", of: "sleeper"))
      #expect(try torpord.torpor("hold", "sleeper", "--for", "2s").status == .exited(0))
      usleep(1_500_000)
      #expect(try torpord.status("sleeper").state != "dormant")
      try #require(try torpord.waits(until: "dormant", of: "sleeper"))
      try client.expectEnd()
    }

    @Test func whoseUnitIsRemovedMayFinish() throws {
      let endpoint = Endpoint.v4(try freePort())
      let torpord = try TorpordProcess(units: ["sleeper.torpor": try unit(endpoint)])
      let client = try Client(connectingTo: endpoint)
      try client.ask(.ping)
      try #require(try torpord.waits(until: "frozen", of: "sleeper"))
      try FileManager.default.removeItem(atPath: torpord.units + "/sleeper.torpor")
      #expect(try torpord.torpor("reload").status == .exited(0))
      try client.ask(.ping)
      #expect(client.hearsNothing(for: .seconds(1)))
      try client.ask(.ping)
      client.close()
      let deadline = Deadline(after: .seconds(10))
      while try torpord.torpor("status", "sleeper").status == .exited(0), !deadline.hasPassed { usleep(50_000) }
      #expect(!deadline.hasPassed)
    }

    @Test func aFrozenUnitEndsWithTheManager() throws {
      let endpoint = Endpoint.v4(try freePort())
      let torpord = try TorpordProcess(units: ["sleeper.torpor": try unit(endpoint)])
      let client = try Client(connectingTo: endpoint)
      try client.ask(.ping)
      try #require(try torpord.waits(until: "frozen", of: "sleeper"))
      let pid = try #require(try torpord.status("sleeper").pid)
      let cgroup = try #require(FrozenService.cgroup(of: pid))
      torpord.process.send(SIGTERM)
      #expect(torpord.process.waitForExit(within: .seconds(10)) == .exited(0))
      #expect(ProcessTable.isGone(pid))
      #expect(access(cgroup, F_OK) != 0)
      try client.expectEnd()
    }

    @Test func aReloadChangesWhatBecomesOfAFrozenUnit() throws {
      let endpoint = Endpoint.v4(try freePort())
      let torpord = try TorpordProcess(units: ["sleeper.torpor": try unit(endpoint)])
      let client = try Client(connectingTo: endpoint)
      try client.ask(.ping)
      try #require(try torpord.waits(until: "frozen", of: "sleeper"))
      let pid = try #require(try torpord.status("sleeper").pid)
      try torpord.write(try unit(endpoint, rest: "Rest=freeze\nStopAfterFrozenSec=2h"), to: "sleeper.torpor")
      #expect(try torpord.torpor("reload").status == .exited(0))
      #expect(try torpord.status("sleeper").pid == pid)
      try client.ask(.ping)
      try #require(try torpord.waits(until: "frozen", of: "sleeper"))
      try torpord.write(try unit(endpoint, rest: "Rest=freeze\nStopAfterFrozenSec=1s"), to: "sleeper.torpor")
      #expect(try torpord.torpor("reload").status == .exited(0))
      try #require(try torpord.waits(until: "dormant", of: "sleeper"))
      try client.expectEnd()
    }

    /// It can't say that it is alive while it sleeps.
    @Test(.enabled(if: FixedServer.isInstalled, "python3 isn't installed"))
    func aWatchdogWaitsForAFrozenService() throws {
      let endpoint = Endpoint.v4(try freePort())
      let directory = try TemporaryDirectory()
      let script = try directory.write(
        """
        import os, select, socket
        server = socket.socket(fileno=3)
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        name = os.environ['NOTIFY_SOCKET']
        def say(words): notify.sendto(words, name.replace('@', '\\0', 1) if name[0] == '@' else name)
        say(b'READY=1')
        clients = []
        while True:
            # Sooner than that it would be housekeeping.
            for ready in select.select([server] + clients, [], [], 1.5)[0]:
                if ready is server: clients.append(server.accept()[0])
                elif ready.recv(100): ready.sendall(b'+PONG\\r\\n')
                else: clients.remove(ready)
            say(b'WATCHDOG=1')
        """, to: "alive.py")
      let text = """
        [Socket]
        ListenStream=\(endpoint)

        [Service]
        Type=notify
        NotifyAccess=all
        ExecStart=/usr/bin/python3 \(script)
        WatchdogSec=2s

        [X-Idle]
        TimeoutSec=400ms
        MinimumUptimeSec=0
        Rest=freeze

        """
      let torpord = try TorpordProcess(units: ["alive.torpor": text])
      let client = try Client(connectingTo: endpoint)
      try client.ask(.ping)
      try #require(try torpord.waits(until: "frozen", of: "alive"))
      let pid = try #require(try torpord.status("alive").pid)
      usleep(5_000_000)
      try client.ask(.ping)
      #expect(try torpord.status("alive").pid == pid)
      #expect(try torpord.status("alive").wakesToday == 1)
    }

    @Test func aVerifiedUnitIsStopped() throws {
      let endpoint = Endpoint.v4(try freePort())
      let torpord = try TorpordProcess(units: ["sleeper.torpor": try unit(endpoint)])
      let ran = try torpord.torpor("verify", "sleeper")
      #expect(ran.status == .exited(0), "\(ran.output) \(ran.errors)")
      #expect(try torpord.status("sleeper").state == "dormant")
    }
  }
}
