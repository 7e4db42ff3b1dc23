import Foundation
import Testing

extension OwnDataTests {
  /// What [Socket] says of its sockets besides their addresses is so of the ones that a service gets, in each of its lives.
  @Suite(.enabled(if: RealServer.python.isInstalled, "python3 isn't installed"))
  struct SocketSettingsTests {
    /// The answer of each of three lives: the listener's options and the connection's.
    private func lives(
      _ socket: String, endpoint: Endpoint, body: (ManagerProcess) throws -> Void = { _ in }
    ) throws -> [[Substring]] {
      let scripts = try TemporaryDirectory()
      let script = try scripts.write(OptionServer.script, to: "server.py")
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

    /// Who connects and says nothing wakes nobody, and loses nothing by any number of rests in the meantime.
    @Test func aDeferredConnectionIsServedWhenItSpeaksWhateverInstanceThereIs() throws {
      let port = try freePort()
      let endpoint = Endpoint.v4(port)
      let unit = OddServer.unit(endpoint, idle: "100ms")
        .replacingOccurrences(of: "[Socket]\n", with: "[Socket]\nDeferAcceptSec=8\n")
      try ManagerProcess.run(["one.torpor": unit]) { manager in
        let silent = try (1...5).map { _ in try Client(connectingTo: endpoint) }
        usleep(500_000)
        #expect(try manager.status("one").state == "dormant")
        for client in silent.dropFirst() {
          // Another one's visit is over, and a rest may be under way, when this one speaks.
          try Client.ask(endpoint, .ping)
          usleep(120_000)
          try client.ask(.ping)
          client.close()
        }
        // One that is asked for while somebody may still speak isn't done, and holds nobody up.
        let rest = try ChildProcess(
          [Binaries.built.torpor, "rest", "one"], environment: ["TORPOR_SOCKET": manager.socket])
        defer { rest.killAndWait() }
        usleep(100_000)
        for _ in 1...10 { try Client.ask(endpoint, .ping, within: .seconds(2)) }
        try silent[0].ask(.ping, within: .seconds(2))
      }
    }

    @Test func whatWaitsIsThrownAwayWhereThatIsAskedFor() throws {
      let (flushed, kept) = (try TemporaryDirectory().path, try TemporaryDirectory().path)
      for (path, asks) in [(flushed, true), (kept, false)] {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        // It reads one message of those that are there, and leaves.
        let unit = """
          [Socket]
          ListenDatagram=\(path)/socket
          FlushPending=\(asks ? "yes" : "no")
          [Service]
          ExecStart=\(try #require(RealServer.python.program)) -S -c "import socket, time; s = socket.socket(fileno=3); m = s.recv(100); open('\(path)/out', 'ab').write(m); time.sleep(0.5)"
          [X-Idle]
          Handover=listen-fds
          """
        try ManagerProcess.run(["one.torpor": unit]) { manager in
          let sender = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
          defer { close(sender) }
          for word in ["1", "2", "3"] {
            let endpoint = Endpoint.unix("\(path)/socket")
            _ = endpoint.withAddress { sendto(sender, word, 1, 0, $0, $1) }
          }
          let deadline = Deadline(after: .seconds(10))
          let wanted = asks ? "1" : "123"
          while ProcessTable.contents(of: "\(path)/out") != wanted, !deadline.hasPassed { usleep(20_000) }
          try manager.waitFor("dormant", of: "one")
          #expect(ProcessTable.contents(of: "\(path)/out") == wanted)
          #expect(manager.process.errors.text.contains("as FlushPending= asks for") == asks)
        }
      }
    }

    @Test func stampsAreAskedForWhereTheyDoNoHarm() throws {
      let directory = try TemporaryDirectory()
      let unit = """
        [Socket]
        ListenStream=\(directory.path("socket"))
        Timestamping=ns
        [Service]
        ExecStart=\(try #require(RealServer.python.program)) -S -c "import socket; s = socket.socket(fileno=3); s.accept()[0].sendall(str(s.getsockopt(1, 35)).encode())"
        [X-Idle]
        Handover=listen-fds
        """
      try ManagerProcess.run(["one.torpor": unit]) { _ in
        let client = try Client(connectingTo: .unix(directory.path("socket")))
        #expect(try client.receiveToEnd() == "1")
      }
    }
  }
}
