import Foundation
import Testing

extension ServerTests {
  /// Whose connection a service gets through a relay.
  @Suite struct RelayIdentityTests: RelaySetups {
    @Test func theServiceIsToldWhoseConnectionItGets() throws {
      try withBackend(options: ["--proxy-protocol", "v1"]) { _, front, backend in
        let client = try Client(connectingTo: front)
        let served = try backend.accept()
        let port = try #require(client.localAddress.split(separator: ":").last)
        let line = "PROXY TCP4 127.0.0.1 127.0.0.1 \(port) \(front.port)\r\n"
        // Without a byte of the client's: some protocols begin with the server.
        try #require(try served.receive { $0.hasSuffix("\r\n") } == line)
        try client.send("first")
        _ = try served.receive { $0 == "first" }
      }
      try withBackend(options: ["--proxy-protocol", "v2"]) { _, front, backend in
        let client = try Client(connectingTo: front)
        try client.send("!")
        let served = try backend.accept()
        let bytes = try served.receiveBytes(count: 29)
        try #require(bytes.prefix(16) == [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10, 0x21, 0x11, 0, 12])
        try #require(bytes[16..<24] == [127, 0, 0, 1, 127, 0, 0, 1])
        try #require(Array(bytes[26..<29]) == [UInt8(front.port >> 8), UInt8(front.port & 0xff), UInt8(ascii: "!")])
      }
    }

    @Test(.enabled(if: RealServer.nginx.isInstalled, "nginx isn't installed"))
    func nginxReadsTheHeader() throws {
      let directory = try TemporaryDirectory()
      let (front, back) = (Endpoint.v4(try freePort()), Endpoint.v4(try freePort()))
      let command = try RealServer.nginx.command(port: back.port, in: directory)
      let file = directory.path("nginx.conf")
      let text = try #require(ProcessTable.contents(of: file))
      try text.replacingOccurrences(of: "listen 127.0.0.1:\(back.port);", with: "listen \(back) proxy_protocol;")
        .replacingOccurrences(of: "you asked for $uri", with: "you are $proxy_protocol_addr:$proxy_protocol_port")
        .write(toFile: file, atomically: true, encoding: .utf8)
      for version in ["v1", "v2"] {
        let arguments = relay(front, back, "--idle", "50ms", "--proxy-protocol", version) + command
        try TorporProcess.run(arguments) { torpor in
          let client = try Client(connectingTo: front)
          try client.ask(.http(path: "/", body: "you are \(client.localAddress)\n"))
          client.close()
          try torpor.waitFor(.rested)
        }
      }
    }

    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"), arguments: [true, false])
    func redisServesClientsOfEitherKindAtAPathOfItsOwn(isFrontAPath: Bool) throws {
      let directory = try TemporaryDirectory()
      directory.makeWorldWritable()
      let front = isFrontAPath ? Endpoint.unix(directory.path("front.sock")) : Endpoint.v4(try freePort())
      let back = directory.path("back.sock")
      let command = [
        try #require(RealServer.redis.program), "--port", "0", "--unixsocket", back, "--save", "", "--dir",
        directory.path,
      ]
      let arguments = ["-l", "\(front)", "--handover", "relay", "--to", back, "--idle", "50ms", "--"] + command
      try TorporProcess.run(arguments) { torpor in
        for _ in 1...5 {
          try torpor.wakeAndRest(front)
          // Some more at a time, and one that stays.
          let clients = try (1...5).map { _ in try Client(connectingTo: front) }
          for client in clients { try client.ask(.ping) }
          for client in clients { client.close() }
          try torpor.waitFor(.rested)
        }
        try #require(torpor.count(of: .failed) == 0)
      }
    }

    /// Else whoever may connect to the front would be root to the service.
    @Test(.enabled(if: Machine.canBecomeNobody, "needs root and setpriv, to become an ordinary user"))
    func aServiceAtAPathSeesWhoItsClientIs() throws {
      let directory = try TemporaryDirectory()
      directory.makeWorldWritable()
      let (front, back) = (directory.path("front.sock"), directory.path("back.sock"))
      let script = try directory.write(
        """
        import os, socket, struct
        if os.path.exists("\(back)"): os.unlink("\(back)")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind("\(back)")
        os.chmod("\(back)", 0o666)
        listener.listen()
        while True:
          connection, _ = listener.accept()
          peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
          # The connection that showed that it serves is gone by then.
          try: connection.sendall(b"you are %d\\n" % struct.unpack("3i", peer)[1])
          except BrokenPipeError: pass
          connection.close()

        """, to: "server.py")
      let python = try #require(RealServer.python.program)
      let arguments = ["-l", front, "--handover", "relay", "--to", back, "--idle", "10s", "--"] + [python, script]
      let ask = [
        python, "-c", "import socket; s = socket.socket(socket.AF_UNIX); s.connect('\(front)'); print(s.recv(99))",
      ]
      try TorporProcess.run(arguments) { _ in
        for (wrapper, user) in [(Machine.asNobody, 65534), ([], 0)] {
          let client = try ChildProcess(wrapper + ask)
          #expect(client.waitForExit(within: .seconds(10)) == .exited(0))
          #expect(client.output.contains("you are \(user)", within: .seconds(5)), "\(client.output.text)")
          client.killAndWait()
        }
      }
      // An ordinary user's torpor can be nobody else.
      let copies = try TemporaryDirectory()
      let binaries = try Binaries.built.copied(to: copies)
      try TorporProcess.run(arguments, wrapper: Machine.asNobody, binaries: binaries) { torpor in
        let client = try ChildProcess(ask)
        defer { client.killAndWait() }
        let warning = try torpor.waitFor(.warning)
        try #require(try #require(warning.message).contains("would be somebody else to the service"))
        #expect(client.waitForExit(within: .seconds(10)) != nil)
        #expect(client.output.text.contains("you are") == false)
      }
    }
  }
}
