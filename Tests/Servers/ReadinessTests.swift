import Foundation
import Testing

extension ServerTests {
  /// When a start is known to be finished.
  @Suite struct ReadinessTests {
    @Test func aServiceThatTellsIsServingOnlyOnceItHasTold() throws {
      try OddServer.run(["--notify-ready-ms", "400"], options: ["--ready", "notify"]) { torpor, endpoint in
        for _ in 1...2 {
          try Client.ask(endpoint, .ping)
          let serving = try torpor.waitFor(.serving)
          try #require(try #require(serving.milliseconds) >= 400)
          try torpor.waitFor(.rested)
        }
        try #require(torpor.count(of: .failed) == 0)
      }
    }

    @Test func aStrangersWordIsIgnored() throws {
      try OddServer.run(["--notify-ready-ms", "1500"], options: ["--ready", "notify"]) { torpor, endpoint in
        let client = try Client(connectingTo: endpoint)
        try client.send(Exchange.ping.request)
        let waking = try torpor.waitFor(.waking)
        let service = try #require(ProcessTable.descendants(of: torpor.pid).first)
        let address = try #require(ProcessTable.environment(service.pid)["NOTIFY_SOCKET"])
        try #require(address.hasPrefix("@"))
        try #require(sendDatagram("READY=1", toAbstract: String(address.dropFirst())))
        let serving = try torpor.waitFor(.serving)
        try #require(serving.time - waking.time >= 1.4)
        try #require(try #require(serving.milliseconds) >= 1500)
        _ = try client.receive(until: Exchange.ping.isComplete)
        client.close()
      }
    }

    /// redis says STOPPING=1 and ends: its words are read when it is gone.
    @Test(.enabled(if: MatrixServer.python.missing == nil, "python3 isn't installed"))
    func theLastWordsOfAServiceAreNotTakenForAStrangers() throws {
      let endpoint = Endpoint.v4(try freePort())
      let server = """
        import os, signal, socket
        def say(text):
            notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            notify.sendmsg([text], [], socket.MSG_NOSIGNAL, "\\0" + os.environ["NOTIFY_SOCKET"][1:])
        def end(*_):
            say(b"STOPPING=1")
            os._exit(0)
        signal.signal(signal.SIGTERM, end)
        listener = socket.create_server(("127.0.0.1", \(endpoint.port)))
        say(b"READY=1")
        while True:
            connection, _ = listener.accept()
            connection.recv(100)
            connection.sendall(b"+PONG\\r\\n")
            connection.close()
        """
      let command = ["/usr/bin/python3", "-c", server]
      try TorporProcess.run(["-l", "\(endpoint)", "--idle", "10ms", "--ready", "notify", "--"] + command) { torpor in
        for _ in 1...10 { try torpor.wakeAndRest(endpoint) }
        try #require(torpor.events.filter { $0.event == .warning }.compactMap(\.message) == [])
      }
    }

    @Test func aSlowStartIsWaitedForAndItsClientServed() throws {
      try OddServer.run(["--slow-start-ms", "700"]) { torpor, endpoint in
        let duration = try Client.ask(endpoint, .ping)
        try #require(duration >= .milliseconds(700))
        let serving = try torpor.waitFor(.serving)
        try #require(try #require(serving.milliseconds) >= 700)
        try torpor.waitFor(.rested)
      }
    }

    private func sendDatagram(_ text: String, toAbstract name: String) -> Bool {
      let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
      defer { close(descriptor) }
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      let bytes = [0] + Array(name.utf8)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
      let size = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
      let connected = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
      }
      return connected == 0 && send(descriptor, text, text.utf8.count, Int32(MSG_NOSIGNAL)) == text.utf8.count
    }
  }
}
