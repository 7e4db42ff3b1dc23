import Foundation
import Testing

extension OwnDataTests {
  /// ExecStartPre= and its like of [Socket]: around the sockets, bounded, and nobody else's business.
  @Suite struct SocketCommandTests {
    /// A unit whose commands write down their name, whether its port is listened on, who they are and $WORD.
    private static func unit(
      _ endpoint: Endpoint, in directory: TemporaryDirectory, _ commands: String, idle: String = "1h"
    ) throws -> String {
      let port = String(endpoint.port, radix: 16, uppercase: true)
      let address = "0100007F:" + String(repeating: "0", count: 4 - port.count) + port
      try directory.write(
        """
        #!/bin/sh
        echo "$1 $(grep -c '\(address) 00000000:0000 0A' /proc/net/tcp) $(id -u) $WORD" >> \(directory.path("out"))

        """, to: "note", mode: 0o755)
      let text = commands.replacingOccurrences(of: "@", with: directory.path + "/")
      return OddServer.unit(endpoint, idle: idle).replacingOccurrences(of: "[Socket]\n", with: "[Socket]\n\(text)\n")
    }

    private static func isListening(_ endpoint: Endpoint) -> Bool {
      !TCPSocket.all(localPort: endpoint.port, .listening).isEmpty
    }

    @Test(.enabled(if: Machine.isRoot, "needs root, to change the user"))
    func theyRunAroundTheSocketsAndAsTheirSectionSays() throws {
      let directory = try TemporaryDirectory()
      directory.makeWorldWritable()
      let endpoint = Endpoint.v4(try freePort())
      let unit = try Self.unit(
        endpoint, in: directory,
        """
        User=nobody
        Environment=WORD=here
        ExecStartPre=@note pre
        ExecStartPre=-/bin/false
        ExecStartPost=+@note post
        ExecStopPre=@note stop-pre
        ExecStopPost=@note stop-post
        """)
      try ManagerProcess.run(["one.torpor": unit]) { manager in
        try manager.waitFor("dormant", of: "one")
        #expect(directory.lines(of: "out") == ["pre 0 65534 here", "post 1 0 here"])
        try Client.ask(endpoint, .ping)
        // Neither a wake nor a rest is a reason to run any.
        try manager.torpor("rest", "one")
        try Client.ask(endpoint, .ping)
        #expect(directory.lines(of: "out").count == 2)
      }
      #expect(directory.lines(of: "out").dropFirst(2) == ["stop-pre 1 65534 here", "stop-post 0 65534 here"])
    }

    @Test func aFailureMakesTheUnitInvalidAndTheOthersRun() throws {
      let directory = try TemporaryDirectory()
      let (faulty, late, fine) = (
        Endpoint.v4(try freePort()), Endpoint.v4(try freePort()), Endpoint.v4(try freePort())
      )
      let units = [
        "faulty.torpor": try Self.unit(
          faulty, in: directory, "ExecStartPre=/bin/sh -c 'exit 3'\nExecStopPost=@note never"),
        "late.torpor": try Self.unit(
          late, in: directory, "ExecStartPost=/bin/false\nExecStopPre=@note stop-pre\nExecStopPost=@note stop-post"),
        "fine.torpor": OddServer.unit(fine),
      ]
      try ManagerProcess.run(units) { manager in
        try Client.ask(fine, .ping)
        let deadline = Deadline(after: .seconds(10))
        while directory.lines(of: "out").count < 2, !deadline.hasPassed { usleep(20_000) }
        #expect(directory.lines(of: "out").map { $0.split(separator: " ")[0] } == ["stop-pre", "stop-post"])
        try manager.waitFor("invalid", of: "faulty", "late")
        #expect(
          try manager.status("faulty").warnings.contains { $0.contains("ExecStartPre=/bin/sh") && $0.contains("3") })
        #expect(!Self.isListening(faulty) && !Self.isListening(late))
        #expect(manager.process.errors.contains("late: ExecStartPost=/bin/false", within: .seconds(5)))
        let (status, _, errors) = try manager.attempt(["wake", "faulty"])
        #expect(status != .exited(0) && errors.contains("ExecStartPre="))
        // The files are mended.
        try manager.write(OddServer.unit(faulty), to: "faulty.torpor")
        try manager.torpor("reload")
        try Client.ask(faulty, .ping)
      }
    }

    @Test func oneThatHangsIsEndedAndHoldsUpNobody() throws {
      let directory = try TemporaryDirectory()
      let (hanging, fine) = (Endpoint.v4(try freePort()), Endpoint.v4(try freePort()))
      let units = [
        "hanging.torpor": try Self.unit(
          hanging, in: directory,
          "TimeoutSec=1\nExecStartPre=/bin/sh -c 'trap \"\" TERM; while :; do sleep 0.1; done'"),
        "fine.torpor": OddServer.unit(fine),
      ]
      try ManagerProcess.run(units) { manager in
        #expect(try manager.status("hanging").state == "starting")
        try Client.ask(fine, .ping)
        // Asked for meanwhile, it answers when it is known what becomes of it.
        let (status, _, errors) = try manager.attempt(["wake", "hanging"])
        #expect(status != .exited(0) && errors.contains("still ran after 1 s"))
        #expect(try manager.status("hanging").state == "invalid")
        try manager.waitFor("dormant", of: "fine")
        #expect(manager.services.isEmpty)
      }
    }

    /// As one that takes too long is, and at once.
    @Test func oneThatIsCalledOffIsToldByKillSignal() throws {
      let directory = try TemporaryDirectory()
      let endpoint = Endpoint.v4(try freePort())
      let unit = try Self.unit(
        endpoint, in: directory,
        """
        KillSignal=SIGUSR1
        ExecStartPre=/bin/sh -c 'trap "echo told >> @out; exit" USR1; echo waits >> @out; while :; do sleep 0.05; done'
        """)
      try ManagerProcess.run(["one.torpor": unit]) { _ in
        let deadline = Deadline(after: .seconds(10))
        while directory.lines(of: "out").isEmpty, !deadline.hasPassed { usleep(20_000) }
      }
      #expect(directory.lines(of: "out") == ["waits", "told"])
    }

    @Test func whoComesBeforeTheSocketsAreReadyWaitsAndIsServed() throws {
      let directory = try TemporaryDirectory()
      let endpoint = Endpoint.v4(try freePort())
      let unit = try Self.unit(endpoint, in: directory, "ExecStartPost=/bin/sleep 1", idle: "300ms")
      try ManagerProcess.run(["one.torpor": unit]) { manager in
        let deadline = Deadline(after: .seconds(10))
        while !Self.isListening(endpoint), !deadline.hasPassed { usleep(10_000) }
        let client = try Client(connectingTo: endpoint)
        #expect(try manager.status("one").pid == nil)
        try client.ask(.ping)
      }
    }

    @Test func aUnitThatGoesAndComesBackInTheMiddleOfThemIsHeldInTheEnd() throws {
      let directory = try TemporaryDirectory()
      let endpoint = Endpoint.v4(try freePort())
      let unit = try Self.unit(
        endpoint, in: directory, "ExecStartPre=/bin/sleep 0.5\nExecStopPre=/bin/sleep 0.3\nExecStopPost=@note stop-post"
      )
      try ManagerProcess.run(["one.torpor": unit]) { manager in
        for pause: UInt32 in [0, 100_000, 700_000, 0, 300_000] {
          try manager.remove("one.torpor")
          try manager.torpor("reload")
          usleep(pause)
          try manager.write(unit, to: "one.torpor")
          try manager.torpor("reload")
          usleep(pause)
        }
        try manager.waitFor("dormant", of: "one")
        try Client.ask(endpoint, .ping)
        try manager.remove("one.torpor")
        try manager.torpor("reload")
        let deadline = Deadline(after: .seconds(10))
        while try !manager.statuses().isEmpty, !deadline.hasPassed { usleep(20_000) }
        #expect(try manager.statuses().isEmpty && !Self.isListening(endpoint))
      }
    }
  }
}
