import Foundation
import Testing

extension OwnDataTests {
  /// What [Socket] says anew after a reload is so of the sockets that are held.
  @Suite(.enabled(if: RealServer.python.isInstalled, "python3 isn't installed"))
  struct SocketReloadTests {
    /// One unit of `OptionServer`, as it is written again and again, and the manager that has it.
    private func reloading(
      _ socket: String, endpoint: Endpoint, body: (_ reload: (String) throws -> String) throws -> Void
    ) throws {
      let scripts = try TemporaryDirectory()
      let script = try scripts.write(OptionServer.script, to: "server.py")
      let program = try #require(RealServer.python.program)
      func unit(_ more: String) -> String {
        """
        [Socket]
        \(socket)
        \(more)
        [Service]
        ExecStart=\(program) \(script)
        [X-Idle]
        TimeoutSec=1h
        Handover=listen-fds
        """
      }
      try ManagerProcess.run(["one.torpor": unit("")]) { manager in
        try body { more in
          try manager.write(unit(more), to: "one.torpor")
          let (status, output, errors) = try manager.attempt(["reload"])
          return status == .exited(0) ? output : "\(status): \(errors)"
        }
      }
    }

    @Test(.enabled(if: getuid() == 0, "SO_MARK takes root"))
    func aReloadChangesTheOptionsOfASocketThatIsInUse() throws {
      let port = try freePort()
      let endpoint = Endpoint.v4(port)
      func listening() -> [UInt64] { TCPSocket.all(localPort: port, .listening).map(\.inode) }
      try reloading("ListenStream=127.0.0.1:\(port)", endpoint: endpoint) { reload in
        func ask() throws -> [Substring] { try Client(connectingTo: endpoint).receiveToEnd().split(separator: "\n") }
        let inode = listening()
        let before = try ask()
        let said = try reload(
          "KeepAlive=yes\nKeepAliveTimeSec=77\nNoDelay=yes\nIPTOS=16\nPriority=5\nIPTTL=33\nMark=7\nReceiveBuffer=40000"
        )
        #expect(said.contains("changed: one"), "\(said)")
        let during = try ask()
        #expect(during[0] == before[0])
        let text = try #require(during.dropFirst().first)
        #expect(
          text.hasPrefix(
            "rcvbuf=80000 priority=5 passcred=0 keepalive=1 idle=77 count=9 nodelay=1 ttl=33 tos=16 mark=7"))
        #expect(during.last?.contains("keepalive=1 idle=77") == true)
        // What isn't asked for any more is as it was.
        _ = try reload("")
        #expect(try ask() == before)
        #expect(listening() == inode)
        for key in ["Transparent=yes", "BindToDevice=lo"] {
          let refusal = try reload(key)
          #expect(
            refusal.contains("\(key.split(separator: "=")[0])= of 127.0.0.1:\(port), which stays held"), "\(refusal)")
        }
        #expect(try ask() == before)
      }
    }

    @Test(.enabled(if: getuid() == 0, "only root gives files away"))
    func aReloadChangesWhoMayConnectToAPathAndItsOtherNames() throws {
      let directory = try TemporaryDirectory()
      let path = directory.path("service.sock")
      let (one, two) = (directory.path("one.sock"), directory.path("two.sock"))
      func status(_ path: String) -> stat? {
        var status = stat()
        return lstat(path, &status) == 0 ? status : nil
      }
      try reloading("ListenStream=\(path)", endpoint: .unix(path)) { reload in
        let inode = status(path)?.st_ino
        #expect(status(path).map { $0.st_mode & 0o7777 } == 0o666)
        // Dormant, and then in use.
        _ = try reload("SocketMode=0640\nSocketUser=nobody\nSymlinks=\(one)\nBacklog=2")
        #expect(status(path).map { $0.st_mode & 0o7777 } == 0o640)
        #expect(status(path)?.st_uid == getpwnam("nobody")?.pointee.pw_uid && status(one) != nil)
        let pid = try Client(connectingTo: .unix(one)).receiveToEnd().split(separator: "\n")[0]
        _ = try reload("SocketMode=0600\nSocketGroup=daemon\nSymlinks=\(two)\nPassCredentials=yes")
        #expect(status(path).map { $0.st_mode & 0o7777 } == 0o600)
        #expect(status(path)?.st_uid == 0 && status(path)?.st_gid == getgrnam("daemon")?.pointee.gr_gid)
        #expect(status(one) == nil && status(two) != nil)
        let answer = try Client(connectingTo: .unix(two)).receiveToEnd().split(separator: "\n")
        #expect(answer[0] == pid && answer[1].contains("passcred=1"))
        _ = try reload("")
        #expect(status(path).map { $0.st_mode & 0o7777 } == 0o666)
        #expect(status(path)?.st_gid == 0 && status(two) == nil && status(path)?.st_ino == inode)
      }
    }
  }
}
