import Foundation
import Testing
import Varlink

extension ServerTests {
  /// What clients of the control socket may do without harm to others.
  @Suite struct ControlHostilityTests {
    private static let deep = String(repeating: #"{"a":["#, count: 100_000)
    private static let messages = [
      "HTTP": "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "nothing": "", "half an object": "{", "an array": "[]",
      "half a string": "\"", "a key alone": "{\"method\":", "something behind it": "{\"method\":\"a.b\"}x",
      "depth": deep, "depth in a call": #"{"method":"a.B","parameters":"# + deep,
    ]

    @Test(arguments: messages.keys.sorted())
    func whatIsNoCallIsRefusedAndTheConnectionClosed(what: String) throws {
      let manager = try FakeManagerProcess()
      let connection = try manager.connect()
      connection.send(Self.messages[what] ?? "")
      #expect(try connection.reply()?.error == "io.torpor.Manager.BadMessage")
      #expect(connection.hasEnded())
      try manager.answers()
    }

    @Test func bytesWithoutAnEndAreRefused() throws {
      let manager = try FakeManagerProcess()
      let connection = try manager.connect()
      let sent = connection.send([UInt8](repeating: UInt8(ascii: "x"), count: 64 << 20))
      #expect(sent < 4 << 20)
      let reply = try #require(try connection.reply())
      #expect(reply.error == "io.torpor.Manager.BadMessage")
      #expect(reply.parameters(as: [String: String].self)?["reason"] == "it is longer than 1048576 bytes")
      try manager.answers()
    }

    @Test func randomBytesDoNoHarm() throws {
      let manager = try FakeManagerProcess()
      var generator = SystemRandomNumberGenerator()
      for _ in 0..<200 {
        let connection = try manager.connect()
        connection.send((0..<Int.random(in: 1...4000, using: &generator)).map { _ in UInt8.random(in: 0...255) } + [0])
        #expect(try connection.reply()?.error == "io.torpor.Manager.BadMessage")
      }
      try manager.answers()
    }

    @Test func aThousandConnectionsShutNobodyOut() throws {
      let manager = try FakeManagerProcess()
      try manager.answers()
      let before = manager.descriptorCount
      var connections: [ControlConnection] = []
      for _ in 0..<1000 {
        let connection = try manager.connect()
        // Half a call.
        connection.send(Array(#"{"method":"#.utf8))
        connections.append(connection)
      }
      try manager.answers()
      #expect(manager.descriptorCount - before <= 64)
      // The last ones are there still.
      connections.removeLast(8)
      connections = []
      try manager.answers()
    }

    @Test func whoComesWhenAllAreBusyIsToldSo() throws {
      let manager = try FakeManagerProcess(clients: 3)
      let monitors = try (0..<3).map { _ in try manager.connect() }
      for monitor in monitors {
        monitor.call("io.torpor.Manager.Monitor", more: true)
        #expect(try monitor.reply()?.error == nil)
      }
      let late = try manager.connect()
      let reply = try #require(try late.reply())
      #expect(reply.error == "io.torpor.Manager.TooManyClients")
      #expect(reply.parameters(as: [String: Int].self) == ["limit": 3])
      #expect(late.hasEnded())
      monitors[0].endSending()
      #expect(monitors[0].hasEnded())
      try manager.answers()
    }

    @Test func aMonitorThatIsNotReadIsCutOff() throws {
      let manager = try FakeManagerProcess()
      let slow = try manager.connect()
      slow.call("io.torpor.Manager.Monitor", more: true)
      #expect(try slow.reply()?.error == nil)
      let before = manager.residentBytes
      let start = ContinuousClock.now
      let other = try manager.connect()
      other.call("io.torpor.Manager.Rest", #"{"name":"chatty"}"#)
      #expect(try other.reply()?.error == nil)
      #expect(ContinuousClock.now - start < .seconds(5))
      #expect(manager.residentBytes - before < 8 << 20)
      // It reads what was kept for it, and then why there is no more.
      var events = 0
      var last: ReceivedReply?
      while let reply = try slow.reply(within: .seconds(2)) {
        last = reply
        events += 1
        if !reply.continues { break }
      }
      #expect(last?.error == "io.torpor.Manager.TooSlow")
      #expect(events > 100 && events < 20_000)
      // And may go on.
      slow.call("io.torpor.Manager.Monitor", more: true)
      #expect(try slow.reply()?.continues == true)
    }

    @Test func aMonitorThatIsReadMissesNothing() throws {
      let manager = try FakeManagerProcess()
      let monitor = try manager.connect()
      monitor.call("io.torpor.Manager.Monitor", more: true)
      #expect(try monitor.reply()?.continues == true)
      let other = try manager.connect()
      for number in 0..<200 {
        for method in ["Wake", "Rest"] {
          other.call("io.torpor.Manager.\(method)", #"{"name":"unit-\#(number % 4)"}"#)
          #expect(try other.reply()?.error == nil)
        }
        #expect(try monitor.reply()?.continues == true)
      }
    }

    @Test func callsWithoutEndWhoseRepliesNobodyReadsAreHeldBack() throws {
      let manager = try FakeManagerProcess()
      try manager.answers()
      let before = manager.residentBytes
      let connection = try manager.connect()
      let call = Reply.encodeCall("io.torpor.Manager.Describe", ["name": "unit-1"])
      let calls = [UInt8]((0..<200_000).map { _ in call }.joined())
      let sent = connection.send(calls, within: .seconds(2))
      #expect(sent < calls.count)
      #expect(manager.residentBytes - before < 8 << 20)
      try manager.answers()
      // Each is answered when there is room again.
      for _ in 0..<(sent / call.count) { #expect(try connection.reply()?.error == nil) }
    }

    @Test func floodsOfCallsLeaveRoomForOthers() throws {
      let manager = try FakeManagerProcess()
      let call = Reply.encodeCall("io.torpor.Manager.Describe", ["name": "unit-1"], oneway: true)
      let calls = [UInt8]((0..<20_000).map { _ in call }.joined())
      let connections = try (0..<4).map { _ in try manager.connect() }
      for connection in connections { connection.send(calls, within: .milliseconds(50)) }
      #expect(try manager.answers() < .seconds(2))
    }

    @Test(.enabled(if: Machine.canBecomeNobody, "needs root and setpriv, to become an ordinary user"))
    func othersAreRefused() throws {
      let manager = try FakeManagerProcess()
      #expect(try mode(manager.socket) == 0o600)
      let script = """
        import socket, sys
        s = socket.socket(socket.AF_UNIX)
        s.connect("\(manager.socket)")
        s.sendall(b'{"method":"io.torpor.Manager.Wake","parameters":{"name":"unit-1"}}\\0')
        while True:
            data = s.recv(4096)
            if not data: break
            sys.stdout.write(data.decode().replace("\\0", "\\n"))
        """
      // The file keeps them out, and if somebody opens it, we do.
      let kept = try ChildProcess(Machine.asNobody + ["/usr/bin/python3", "-c", script])
      #expect(kept.waitForExit(within: .seconds(10)) == .exited(1))
      #expect(kept.errors.contains("PermissionError", within: .seconds(5)))
      chmod(manager.socket, 0o666)
      for _ in 0..<20 {
        let refused = try ChildProcess(Machine.asNobody + ["/usr/bin/python3", "-c", script])
        #expect(refused.waitForExit(within: .seconds(10)) == .exited(0))
        #expect(refused.output.contains("org.varlink.service.PermissionDenied", within: .seconds(5)))
      }
      #expect(!manager.process.output.all.contains("wake unit-1"))
      try manager.answers()
    }

    // MARK: the path

    private func mode(_ path: String) throws -> mode_t {
      var status = stat()
      try #require(lstat(path, &status) == 0)
      return status.st_mode & 0o7777
    }

    @Test func aLivingManagersSocketIsNotTaken() throws {
      let directory = try TemporaryDirectory()
      let manager = try FakeManagerProcess(in: directory)
      let second = try ChildProcess([Binaries.built.directory + "/fakemanager", manager.socket, "1"])
      defer { second.killAndWait() }
      #expect(second.waitForExit(within: .seconds(10)) == .exited(1))
      #expect(second.errors.contains("another torpord answers at '\(manager.socket)'", within: .seconds(5)))
      try manager.answers()
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["control"])
    }

    @Test func aDeadManagersSocketIsReplaced() throws {
      let directory = try TemporaryDirectory()
      let first = try FakeManagerProcess(in: directory)
      first.process.killAndWait()
      #expect(try mode(first.socket) == 0o600)
      let second = try FakeManagerProcess(in: directory)
      try second.answers()
      second.process.send(SIGTERM)
      #expect(second.process.waitForExit(within: .seconds(5)) == .exited(0))
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).isEmpty)
    }

    @Test func whatIsNoSocketIsLeftAlone() throws {
      let directory = try TemporaryDirectory()
      let file = try directory.write("precious", to: "control")
      let manager = try ChildProcess([Binaries.built.directory + "/fakemanager", file, "1"])
      defer { manager.killAndWait() }
      #expect(manager.waitForExit(within: .seconds(10)) == .exited(1))
      #expect(manager.errors.contains("something else is there", within: .seconds(5)))
      #expect(ProcessTable.contents(of: file) == "precious")
    }

    @Test func anothersSocketIsNotRemoved() throws {
      let directory = try TemporaryDirectory()
      let manager = try FakeManagerProcess(in: directory)
      unlink(manager.socket)
      try directory.write("another's", to: "control")
      manager.process.send(SIGTERM)
      #expect(manager.process.waitForExit(within: .seconds(5)) == .exited(0))
      #expect(ProcessTable.contents(of: manager.socket) == "another's")
    }
  }
}
