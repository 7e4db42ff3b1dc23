import Foundation
import Testing

extension ServerTests {
  /// What [Socket] says of its sockets besides their addresses is so of the ones that a service gets, in each of its lives.
  @Suite(.enabled(if: RealServer.python.isInstalled, "python3 isn't installed"))
  struct SocketSettingsTests {
    /// Answers each connection with what its listener, and the connection itself, say of their options.
    private static let server = """
      import os, socket
      listener = socket.socket(fileno=3)
      def options(s):
        inet = s.family != socket.AF_UNIX
        values = {"rcvbuf": s.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF),
          "priority": s.getsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY),
          "passcred": 0 if inet else s.getsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED)}
        if inet:
          values["keepalive"] = s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
          values["idle"] = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
          values["count"] = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT)
          values["nodelay"] = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
          values["ttl"] = s.getsockopt(socket.IPPROTO_IP, socket.IP_TTL)
          values["tos"] = s.getsockopt(socket.IPPROTO_IP, socket.IP_TOS)
          values["mark"] = s.getsockopt(socket.SOL_SOCKET, socket.SO_MARK)
          values["freebind"] = s.getsockopt(socket.IPPROTO_IP, 15)
          values["device"] = s.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\\0").decode()
        return " ".join(f"{k}={v}" for k, v in values.items())
      while True:
        connection, _ = listener.accept()
        text = f"{os.getpid()}\\n{options(listener)}\\n{options(connection)}\\n"
        connection.sendall(text.encode())
        connection.close()

      """

    /// The answer of each of three lives: the listener's options and the connection's.
    private func lives(
      _ socket: String, endpoint: Endpoint, body: (ManagerProcess) throws -> Void = { _ in }
    ) throws -> [[Substring]] {
      let scripts = try TemporaryDirectory()
      let script = try scripts.write(Self.server, to: "server.py")
      let unit = """
        [Socket]
        \(socket)
        [Service]
        ExecStart=\(try #require(RealServer.python.program)) \(script)
        [X-Idle]
        TimeoutSec=200ms
        MinimumUptimeSec=0
        Handover=listen-fds
        """
      return try ManagerProcess.run(["one.torpor": unit]) { manager in
        var answers: [[Substring]] = []
        try body(manager)
        for _ in 1...3 {
          answers.append(try Client(connectingTo: endpoint).receiveToEnd().split(separator: "\n"))
          try manager.waitFor("dormant", of: "one")
          try body(manager)
        }
        #expect(Set(answers.map { $0[0] }).count == 3)
        return answers
      }
    }

    @Test(.enabled(if: getuid() == 0, "SO_MARK takes root"))
    func optionsOfTCPSocketsAreThoseOfEachGeneration() throws {
      let port = try freePort()
      let answers = try lives(
        """
        ListenStream=127.0.0.1:\(port)
        KeepAlive=yes
        KeepAliveTimeSec=77
        KeepAliveProbes=3
        NoDelay=yes
        ReceiveBuffer=40000
        IPTOS=16
        Priority=5
        IPTTL=33
        Mark=7
        FreeBind=yes
        BindToDevice=lo
        """, endpoint: .v4(port))
      for answer in answers {
        let listener = try #require(answer.dropFirst().first)
        #expect(
          listener
            == "rcvbuf=80000 priority=5 passcred=0 keepalive=1 idle=77 count=3 nodelay=1 ttl=33 tos=16 mark=7 freebind=1 device=lo"
        )
        // Connections inherit most of them.
        #expect(answer.last?.contains("keepalive=1 idle=77 count=3 nodelay=1") == true, "\(answer)")
      }
    }

    @Test(.enabled(if: getuid() == 0, "only root gives files away"))
    func aPathHasTheOptionsOwnerModeAndLinksThatWereAskedFor() throws {
      let directory = try TemporaryDirectory()
      let path = directory.path("a/b/service.sock")
      let (link, other) = (directory.path("links/one.sock"), directory.path("links/two.sock"))
      let answers = try lives(
        """
        ListenStream=\(path)
        PassCredentials=yes
        ReceiveBuffer=40000
        SocketUser=nobody
        SocketGroup=daemon
        SocketMode=0640
        DirectoryMode=0711
        Symlinks=\(link) \(other)
        """, endpoint: .unix(link)
      ) { _ in
        var status = stat()
        try #require(lstat(path, &status) == 0)
        #expect(status.st_mode & 0o7777 == 0o640)
        #expect(status.st_uid == getpwnam("nobody")?.pointee.pw_uid)
        #expect(status.st_gid == getgrnam("daemon")?.pointee.gr_gid)
        try #require(stat(directory.path("a"), &status) == 0)
        #expect(status.st_mode & 0o7777 == 0o711)
        for link in [link, other] {
          #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == path)
        }
      }
      for answer in answers { #expect(answer.dropFirst().first == "rcvbuf=80000 priority=0 passcred=1") }
      var status = stat()
      for gone in [path, link, other] { #expect(lstat(gone, &status) != 0, "\(gone) is left") }
    }

    @Test func theBacklogIsTheOneThatWasAskedFor() throws {
      let directory = try TemporaryDirectory()
      let path = directory.path("service.sock")
      let unit = """
        [Socket]
        ListenStream=\(path)
        Backlog=2
        [Service]
        ExecStart=/bin/sleep 60
        [X-Idle]
        Handover=listen-fds
        """
      try ManagerProcess.run(["one.torpor": unit]) { _ in
        // A unix queue holds one more than the backlog; who comes then is told to try again.
        var clients: [Client] = []
        for _ in 0..<3 { clients.append(try Client(connectingTo: .unix(path))) }
        #expect(throws: ClientFailure.self) { _ = try Client(connectingTo: .unix(path), within: .milliseconds(300)) }
        #expect(clients.count == 3)
      }
    }

    @Test func connectionsBeyondThoseOfOneSourceAreClosed() throws {
      let port = try freePort()
      let unit = """
        [Socket]
        ListenStream=127.0.0.1:\(port)
        Accept=yes
        MaxConnectionsPerSource=2
        [Service]
        ExecStart=/bin/cat
        """
      try ManagerProcess.run(["one.torpor": unit]) { manager in
        let endpoint = Endpoint.v4(port)
        let first = try (1...2).map { _ in try Client(connectingTo: endpoint) }
        for client in first {
          try client.send("here\n")
          _ = try client.receive { $0 == "here\n" }
        }
        for _ in 1...3 { #expect(try Client(connectingTo: endpoint).receiveToEnd().isEmpty) }
        #expect(manager.process.errors.contains("as many as MaxConnectionsPerSource= allows", within: .seconds(5)))
        first[0].shutDownWriting()
        #expect(try first[0].receiveToEnd().isEmpty)
        // There is room again, as soon as the process has ended.
        let deadline = Deadline(after: .seconds(10))
        var isServed = false
        while !isServed, !deadline.hasPassed {
          let client = try Client(connectingTo: endpoint)
          try? client.send("again\n")
          client.shutDownWriting()
          isServed = (try? client.receiveToEnd()) == "again\n"
        }
        #expect(isServed)
      }
    }

    @Test func whatCannotBeSetIsTold() throws {
      let port = try freePort()
      let unit = """
        [Socket]
        ListenStream=127.0.0.1:\(port)
        TCPCongestion=nosuch
        [Service]
        ExecStart=/bin/cat
        """
      try ManagerProcess.run(["one.torpor": unit]) { manager in
        #expect(
          manager.process.errors.contains("TCPCongestion= can't be set on 127.0.0.1:\(port)", within: .seconds(5)))
      }
    }
  }
}
