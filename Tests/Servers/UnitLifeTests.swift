import Foundation
import Testing

extension OwnDataTests {
  /// What units say of their services' lives, kept by a manager over rests, requests and restarts of its own.
  @Suite struct UnitLifeTests {
    @Test func oneThatNeverRestsGoesOn() throws {
      let endpoint = Endpoint.v4(try freePort())
      try ManagerProcess.run(["one.torpor": OddServer.unit(endpoint, idle: "infinity")]) { manager in
        try Client.ask(endpoint, .ping)
        let pid = try manager.status("one").pid
        usleep(1_500_000)
        #expect(try manager.status("one").pid == pid)
        #expect(try !manager.torpor("why", "one").contains("could rest"))
        // A person may do so.
        try manager.torpor("rest", "one")
        try Client.ask(endpoint, .ping)
        #expect(try manager.status("one").pid != pid)
      }
    }

    @Test func oneThatStartsAtBootRunsWithNobodyWaiting() throws {
      let (boot, new) = (Endpoint.v4(try freePort()), Endpoint.v4(try freePort()))
      let taken = try ScriptedServer([[]])
      let units = [
        "boot.torpor": OddServer.unit(boot, idle: "infinity", more: "Start=boot"),
        "taken.torpor": OddServer.unit(taken.endpoint, idle: "infinity", more: "Start=boot"),
      ]
      try ManagerProcess.run(units) { manager in
        try manager.waitFor("running", of: "boot")
        #expect(try manager.status("taken").state == "invalid")
        try manager.write(OddServer.unit(new, idle: "infinity", more: "Start=boot"), to: "new.torpor")
        try manager.write(OddServer.unit(Endpoint.v4(try freePort()), more: "Start=boot"), to: "taken.torpor")
        try manager.torpor("reload")
        // What couldn't be held at the boot is started when it is.
        try manager.waitFor("running", of: "new", "taken")
      }
    }

    @Test func aHoldForATimeOutlivesTheManager() throws {
      let directory = try TemporaryDirectory()
      let endpoint = Endpoint.v4(try freePort())
      let units = ["one.torpor": OddServer.unit(endpoint, idle: "100ms")]
      try ManagerProcess.run(units, in: directory) { try $0.torpor("hold", "one", "--for", "1h") }
      try ManagerProcess.run(units, in: directory) { manager in
        #expect(try manager.torpor("status", "one").contains("held"))
        try Client.ask(endpoint, .ping)
        let pid = try manager.status("one").pid
        usleep(1_000_000)
        #expect(try manager.status("one").pid == pid)
        #expect(try manager.attempt(["rest", "one"]).status != .exited(0))
        try manager.torpor("release", "one")
        try manager.waitFor("dormant", of: "one")
      }
      try ManagerProcess.run(units, in: directory) { manager in
        let status = try manager.torpor("status", "one")
        #expect(!status.contains("held"))
      }
    }

    /// A server that says what is given, by sd_notify(3), before it is ready after a second and a half.
    private static func slow(_ endpoint: Endpoint, _ word: String) throws -> String {
      """
      [Socket]
      ListenStream=\(endpoint)
      [Service]
      Type=notify
      TimeoutStartSec=1
      ExecStart=\(try #require(RealServer.python.program)) -S -c "import os, socket, time; \\
        n = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); a = os.environ['NOTIFY_SOCKET']; \\
        say = lambda t: n.sendto(t, a.replace('@', chr(0), 1)); say(b'\(word)'); time.sleep(1.5); say(b'READY=1'); \\
        s = socket.socket(fileno=3); c = s.accept()[0]; c.recv(100); c.sendall(b'+PONG\\\\r\\\\n'); time.sleep(60)"
      [X-Idle]
      Handover=listen-fds
      """
    }

    @Test(.enabled(if: RealServer.python.isInstalled, "python3 isn't installed"))
    func aServiceMayAskForMoreTimeToStart() throws {
      let (modest, asking) = (Endpoint.v4(try freePort()), Endpoint.v4(try freePort()))
      let units = [
        "modest.torpor": try Self.slow(modest, "STATUS=slow"),
        "asking.torpor": try Self.slow(asking, "EXTEND_TIMEOUT_USEC=5000000"),
      ]
      try ManagerProcess.run(units) { manager in
        try Client.ask(asking, .ping)
        let client = try Client(connectingTo: modest)
        #expect(manager.process.errors.contains("modest: ", within: .seconds(5)))
        try manager.waitFor("failed", of: "modest")
        client.close()
      }
    }

    @Test func aServiceReadsItsConfigurationAgain() throws {
      let directory = try TemporaryDirectory()
      let endpoint = Endpoint.v4(try freePort())
      try directory.write("#!/bin/sh\necho \"$*\" >> \(directory.path("out"))\n", to: "note", mode: 0o755)
      func unit(_ reload: String) -> String {
        OddServer.unit(endpoint, idle: "1h")
          .replacingOccurrences(of: "[Service]\n", with: "[Service]\nTimeoutStartSec=2\n\(reload)\n")
      }
      let units = ["one.torpor": unit("ExecReload=\(directory.path("note")) $MAINPID")]
      try ManagerProcess.run(units) { manager in
        let (status, _, errors) = try manager.attempt(["reload", "one"])
        #expect(status != .exited(0) && errors.contains("it is dormant"))
        try Client.ask(endpoint, .ping)
        let pid = try #require(try manager.status("one").pid)
        try manager.torpor("reload", "one")
        #expect(directory.lines(of: "out") == ["\(pid)"])

        // A command that fails, or takes too long, is told, and the service goes on.
        for (command, reason) in [
          ("/bin/sh -c 'exit 7'", "exited with status 7"), ("/bin/sleep 60", "still ran after 2 s"),
          ("", "no ExecReload="),
        ] {
          try manager.write(unit("ExecReload=\(command)"), to: "one.torpor")
          try manager.torpor("reload")
          let (status, _, errors) = try manager.attempt(["reload", "one"])
          #expect(status != .exited(0) && errors.contains(reason), "\(errors)")
          try Client.ask(endpoint, .ping)
          #expect(try manager.status("one").pid == pid)
        }
      }
    }

    @Test(.enabled(if: Machine.isRoot, "needs root, to change the user"))
    func aRuntimeDirectoryOfAnotherUserGoesWithoutAWord() throws {
      let endpoint = Endpoint.v4(try freePort())
      let name = "torpor-test-\(getpid())"
      let directory = try TemporaryDirectory()
      directory.makeWorldWritable()
      let binaries = try Binaries.built.copied(to: directory)
      let unit = """
        [Socket]
        ListenStream=\(endpoint)
        [Service]
        User=nobody
        RuntimeDirectory=\(name)
        ExecStartPre=/bin/sh -c 'mkdir -p /run/\(name)/a/b && touch /run/\(name)/a/b/c /run/\(name)/.hidden'
        ExecStart=\(OddServer.command(endpoint, binaries: binaries).joined(separator: " "))
        [X-Idle]
        TimeoutSec=200ms
        MinimumUptimeSec=0
        """
      try ManagerProcess.run(["one.torpor": unit]) { manager in
        for _ in 1...2 {
          try Client.ask(endpoint, .ping)
          #expect(FileManager.default.fileExists(atPath: "/run/\(name)/a/b/c"))
          try manager.waitFor("dormant", of: "one")
          #expect(!FileManager.default.fileExists(atPath: "/run/\(name)"))
        }
        #expect(ProcessTable.contents(of: manager.directory.path("log/one.log")) ?? "" == "")
      }
    }
  }
}
