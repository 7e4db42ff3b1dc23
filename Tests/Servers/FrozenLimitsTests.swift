import Foundation
import Testing

extension ServerTests {
  /// Where a service can't be frozen, or not now: it goes on, or is stopped when nothing is open, and why is said.
  @Suite(.enabled(if: Machine.canFreeze, "needs a cgroup v2 that can be written"))
  struct FrozenLimitsTests {
    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
    func withoutDescriptorsForItsConnectionsItGoesOn() throws {
      let directory = try TemporaryDirectory()
      let endpoint = Endpoint.v4(try freePort())
      let command = try RealServer.redis.command(port: endpoint.port, in: directory)
      let arguments = ["-l", "\(endpoint)", "--idle", "500ms", "--rest", "freeze", "--"] + command
      let few = ["sh", "-c", "ulimit -n 180; exec \"$@\"", "sh"]
      try TorporProcess.run(arguments, wrapper: few) { torpor in
        let clients = try FrozenService.pool(of: 80, endpoint)
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
      try FrozenService.withDelegatedCgroup { wrapper in
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

    /// The connection of a pool that its server has ended with some last words: the service doesn't look at it.
    @Test(.enabled(if: WorkingServer.program != nil, "python3 isn't there"))
    func whatNobodyReadsDoesNotKeepItAwakeForEver() throws {
      let peer = try TestListener(.v4(try freePort()))
      try WorkingServer.run(idle: "500ms", options: ["--rest", "freeze"]) { torpor, endpoint, _ in
        try Client.ask(endpoint, WorkingServer.order("CONNECT \(peer.endpoint.port)"))
        try torpor.waitFor(.serving)
        let connection = try peer.accept()
        try connection.send("goodbye")
        connection.close()
        try torpor.waitFor(.frozen)
        try Client.ask(endpoint, WorkingServer.order("PING"))
        #expect(try torpor.waitFor(.thawed).reason == "a client")
      }
    }

    /// As a container engine does with its containers (podman's --cgroups=split).
    @Test(.enabled(if: FixedServer.isInstalled, "python3 isn't installed"))
    func oneThatMovesIntoACgroupBelowIsWokenByItsConnections() throws {
      let directory = try TemporaryDirectory()
      let endpoint = Endpoint.v4(try freePort())
      let script = try directory.write(
        """
        import os, socket
        mount = next(line.split()[4] for line in open("/proc/self/mountinfo") if " - cgroup2 " in line)
        group = next(line.strip()[3:] for line in open("/proc/self/cgroup") if line.startswith("0::"))
        os.mkdir(mount + group + "/inner")
        open(mount + group + "/inner/cgroup.procs", "w").write(str(os.getpid()))
        server = socket.socket(fileno=3)
        while True:
            client = server.accept()[0]
            while client.recv(100): client.sendall(b'+PONG\\r\\n')
            client.close()
        """, to: "inner.py")
      let arguments = [
        "-l", "\(endpoint)", "--idle", "300ms", "--rest", "freeze", "--handover", "listen-fds", "--",
        "/usr/bin/python3", script,
      ]
      try TorporProcess.run(arguments) { torpor in
        let client = try Client(connectingTo: endpoint)
        try client.ask(.ping)
        #expect(try torpor.waitFor(.frozen).connections == 1)
        try client.ask(.ping)
        #expect(try torpor.waitFor(.thawed).reason == "data from \(client.localAddress)")
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
      try FrozenService.withDelegatedCgroup { wrapper in
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
