import Foundation
import Testing

extension ServerTests {
  /// A service that binds an address of its own, and gets its connections from torpor.
  @Suite struct RelayTests {
    // MARK: a service's life

    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
    func redisServesTheFirstClientOfEachOfTwentyLives() throws {
      let directory = try TemporaryDirectory()
      let (front, back) = (Endpoint.v4(try freePort()), Endpoint.v4(try freePort()))
      let command = try RealServer.redis.command(port: back.port, in: directory)
      try TorporProcess.run(relay(front, back, "--idle", "50ms") + command) { torpor in
        for life in 1...20 { try torpor.wakeAndRest(front, RealServer.redis.exchange("life-\(life)")) }
        try #require(torpor.count(of: .failed) == 0)
        try #require(torpor.count(of: .left) == 0)
      }
    }

    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
    func noClientIsLostOrDelayedByARest() throws {
      let directory = try TemporaryDirectory()
      let (front, back) = (Endpoint.v4(try freePort()), Endpoint.v4(try freePort()))
      let command = try RealServer.redis.command(port: back.port, in: directory)
      try TorporProcess.run(relay(front, back, "--idle", "2ms") + command) { torpor in
        // Every exchange takes longer than without a relay, so that there is a gap less often.
        let hammer = try Hammer(front, request: "redis", clients: 2, meanPauseMicroseconds: 20_000)
        try torpor.watchRests(atLeast: HammerTests.stops, aborts: 0)
        let tally = try hammer.finish()
        print("hammer: relayed: stops=\(torpor.count(of: .rested)) requests=\(tally.requests) lost=\(tally.lost)")
        try #require(tally.lost == 0)
        try #require(tally.slow == 0)
        try #require(tally.ok == tally.requests)
        try #require(torpor.count(of: .failed) == 0)
      }
    }

    @Test func theServiceIsStartedWithoutASocketAndWithoutAFilter() throws {
      try serve { torpor, front in
        let client = try Client(connectingTo: front)
        try client.ask(.ping)
        let pid = try #require(try torpor.waitFor(.serving).pid)
        try #require(ProcessTable.environment(pid)["LISTEN_FDS"] == nil)
        try #require(ProcessTable.status(pid, "Seccomp") == "0")
        try #require(ProcessTable.listeners(pid, port: front.port).isEmpty)
      }
    }

    @Test func aSlowStartIsWaitedForInTheQueue() throws {
      try serve(flags: ["--slow-start-ms", "600"]) { torpor, front in
        let duration = try Client.ask(front, .ping)
        try #require(duration >= .milliseconds(600))
        try #require(try #require(try torpor.waitFor(.serving).milliseconds) >= 600)
        try torpor.waitFor(.rested)
        try torpor.requireNothingRuns()
      }
    }

    @Test func anOpenConnectionKeepsItAwake() throws {
      try serve { torpor, front in
        let client = try Client(connectingTo: front)
        try client.ask(.ping)
        try torpor.waitFor(.serving)
        try #require(try torpor.hears(noneOf: .resting, for: .seconds(1)))
        try client.ask(.ping)
        client.close()
        try torpor.waitFor(.rested)
      }
    }

    @Test func aServiceThatIsStartedAtOnceRestsWhenNobodyComes() throws {
      try serve(options: ["--start"]) { torpor, front in
        try torpor.waitFor(.serving)
        try torpor.waitFor(.rested)
        try torpor.wakeAndRest(front)
      }
    }

    @Test func oneThatNeverListensHasFailedAndItsAddressIsNamed() throws {
      let (front, back) = (Endpoint.v4(try freePort()), Endpoint.v4(try freePort()))
      let arguments = relay(front, back, "--start-timeout", "300ms", "--stop-timeout", "300ms")
      try TorporProcess.run(arguments + ["sleep", "60"]) { torpor in
        let client = try Client(connectingTo: front)
        let failed = try torpor.waitFor(.failed)
        let reason = try #require(failed.reason)
        try #require(reason.contains("could not be reached at \(back) (Connection refused)"), "\(reason)")
        try #require(failed.waiting == 1)
        try #require(client.hearsNothing(for: .milliseconds(50)))
        try torpor.waitFor(.waking, within: .seconds(3))
      }
    }

    @Test func itsOwnWordIsWaitedForWhereThatIsAskedFor() throws {
      try serve(flags: ["--notify-ready-ms", "400"], options: ["--ready", "notify"]) { torpor, front in
        try #require(try Client.ask(front, .ping) >= .milliseconds(400))
        try torpor.waitFor(.serving)
        try torpor.waitFor(.rested)
      }
    }

    // MARK: bytes

    @Test func theServiceSeesAsManyConnectionsAsThereAreClients() throws {
      try withBackend { _, front, backend in
        for _ in 1...3 {
          let client = try Client(connectingTo: front)
          let served = try backend.accept()
          try client.send("question")
          _ = try served.receive { $0 == "question" }
          try served.send("answer")
          _ = try client.receive { $0 == "answer" }
          client.close()
          try #require(try served.receiveToEnd().isEmpty)
        }
        try #require(backend.hasConnection(within: .milliseconds(100)) == false)
      }
    }

    @Test func aConnectionThatIsHalfClosedStaysHalfOpen() throws {
      try withBackend { _, front, backend in
        let client = try Client(connectingTo: front)
        let served = try backend.accept()
        try client.send("all that I have to say")
        client.shutDownWriting()
        try #require(try served.receiveToEnd() == "all that I have to say")
        try #require(client.hearsNothing(for: .milliseconds(300)))
        try served.send("late answer")
        served.close()
        try #require(try client.receiveToEnd() == "late answer")

        let second = try Client(connectingTo: front)
        let speaker = try backend.accept()
        try speaker.send("greeting")
        speaker.shutDownWriting()
        try #require(try second.receiveToEnd() == "greeting")
        try second.send("still heard")
        _ = try speaker.receive { $0 == "still heard" }
        second.close()
        try #require(try speaker.receiveToEnd().isEmpty)
      }
    }

    @Test func aResetIsPassedOnAfterWhatWasSentBefore() throws {
      try withBackend { _, front, backend in
        let client = try Client(connectingTo: front)
        let served = try backend.accept()
        try served.send("a part")
        _ = try client.receive { $0 == "a part" }
        served.reset()
        #expect(throws: ClientFailure.reset) { try client.receiveToEnd() }

        let second = try Client(connectingTo: front)
        let other = try backend.accept()
        try second.send("x")
        _ = try other.receive { $0 == "x" }
        second.reset()
        #expect(throws: ClientFailure.reset) { try other.receiveToEnd() }
      }
    }

    /// The service's reset comes while its client still has to read a lot, of which much is in torpor's hands.
    @Test func whatWasSentBeforeAResetIsNotLostWithIt() throws {
      try withBackend { _, front, backend in
        let client = try Client(beginConnectingTo: front)
        client.useSmallBuffers()
        let served = try backend.accept()
        let text = String(repeating: "0123456789abcdef", count: 16384)
        try served.send(text)
        // All of it has left the service.
        try #require(served.waitUntilSent())
        served.reset()
        // That the client doesn't read has no event to wait for.
        usleep(200_000)
        let received = try client.receive { $0.utf8.count == text.utf8.count }
        try #require(received == text)
        #expect(throws: ClientFailure.reset) { try client.receiveToEnd() }
      }
    }

    @Test func anEndThatDiesUnreadByAnybodyIsNoticed() throws {
      try withBackend { torpor, front, backend in
        let client = try Client(connectingTo: front)
        let served = try backend.accept()
        // The client has said all it had to say; the service is still thinking.
        client.shutDownWriting()
        try #require(try served.receiveToEnd().isEmpty)
        _ = client.hearsNothing(for: .milliseconds(100))
        let before = ProcessTable.contextSwitches(torpor.pid)
        try #require(client.hearsNothing(for: .milliseconds(300)))
        try #require(ProcessTable.contextSwitches(torpor.pid) == before, "torpor doesn't sleep")
        client.reset()
        #expect(throws: ClientFailure.reset) {
          for _ in 1...50 {
            try served.send("too late")
            usleep(20000)
          }
        }
      }
    }

    @Test(arguments: [false, true])
    func aServiceThatHangsUpFirstCostsNothingWhileItsClientStays(isBackAPath: Bool) throws {
      let directory = try TemporaryDirectory()
      let back = isBackAPath ? Endpoint.unix(directory.path("back.sock")) : .v4(try freePort())
      try withBackend(back) { torpor, front, backend in
        let client = try Client(connectingTo: front)
        let served = try backend.accept()
        try served.send("bye")
        served.close()
        try #require(try client.receiveToEnd() == "bye")
        try #require(torpor.settles(), "torpor doesn't sleep")
        // What it says now leads nowhere.
        #expect(throws: ClientFailure.reset) {
          for _ in 1...50 {
            try client.send("too late")
            usleep(20000)
          }
        }
      }
    }

    @Test func aLongStreamArrivesWholeThroughLittleMemory() throws {
      try withBackend { torpor, front, backend in
        let client = try Client(connectingTo: front)
        let served = try backend.accept()
        let before = try #require(memoryKilobytes(torpor.pid))
        let up = StreamCheck(from: client, to: served, bytes: 16 << 20)
        let down = StreamCheck(from: served, to: client, bytes: 16 << 20)
        try #require(up.finish() == nil)
        try #require(down.finish() == nil)
        let grown = try #require(memoryKilobytes(torpor.pid)) - before
        try #require(grown < 2048, "\(grown) KiB more")
      }
    }

    // MARK: whose connection it is

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

    // MARK: shortages

    @Test func aConnectionThatTheServiceRefusesIsKeptAndTriedAgain() throws {
      try withBackend { _, front, backend in
        backend.close()
        let clients = try (1...3).map { _ in try Client(connectingTo: front) }
        for client in clients { try client.send("patience") }
        try #require(clients[0].hearsNothing(for: .milliseconds(300)))
        let again = try TestListener(backend.endpoint)
        for _ in clients {
          let served = try again.accept(within: .seconds(2))
          _ = try served.receive { $0 == "patience" }
          try served.send("thanks")
          served.close()
        }
        for client in clients { try #require(try client.receiveToEnd() == "thanks") }
      }
    }

    @Test func inTheEndItIsClosedAndSaid() throws {
      try withBackend(options: ["--start-timeout", "500ms"]) { torpor, front, backend in
        backend.close()
        let client = try Client(connectingTo: front)
        let warning = try torpor.waitFor(.warning)
        let message = try #require(warning.message)
        try #require(message.contains(client.localAddress) && message.contains("could not be reached for 500 ms"))
        #expect(throws: ClientFailure.reset) { try client.receiveToEnd(within: .seconds(5)) }
      }
    }

    @Test func aClientThatTheDeadServiceDidNotTakeIsServedByTheNext() throws {
      try withBackend { torpor, front, backend in
        backend.close()
        let client = try Client(connectingTo: front)
        try client.send("patience")
        try #require(client.hearsNothing(for: .milliseconds(100)))
        torpor.learnDescendants()
        for service in torpor.livingServices { kill(service, SIGKILL) }
        let failed = try torpor.waitFor(.failed)
        try #require(failed.waiting == 1)
        try torpor.waitFor(.waking, within: .seconds(3))
        let again = try TestListener(backend.endpoint)
        let served = try again.accept()
        _ = try served.receive { $0 == "patience" }
        try torpor.waitFor(.serving)
      }
    }

    @Test(.enabled(if: Machine.find("prlimit") != nil, "prlimit isn't installed"))
    func whoeverThereIsNoDescriptorForWaitsAndIsServed() throws {
      let limited = [Machine.find("prlimit") ?? "prlimit", "--nofile=130:130"]
      try serve(idle: "500ms", wrapper: limited) { torpor, front in
        let clients = try (1...40).map { _ in try Client(connectingTo: front) }
        for client in clients { try client.send(Exchange.ping.request) }
        try torpor.waitFor(.serving)
        var served = 0
        for client in clients {
          _ = try client.receive(until: Exchange.ping.isComplete)
          served += 1
          // Its place is another's.
          client.close()
        }
        try #require(served == clients.count)
        try torpor.waitFor(.rested)
        try #require(torpor.count(of: .warning) > 0, "there was no shortage")
        try torpor.wakeAndRest(front)
      }
    }

    @Test func noDescriptorIsLeftOfThousandsOfConnections() throws {
      try serve { torpor, front in
        try torpor.wakeAndRest(front)
        try torpor.waitFor(.dormant)
        let before = ProcessTable.descriptors(torpor.pid).count
        for _ in 1...1000 { try Client.ask(front, .ping) }
        // On a busy machine it may have rested between two of them, too: dormant for good is what counts.
        let deadline = Deadline(after: .seconds(10))
        while ProcessTable.descriptors(torpor.pid).count != before || !ProcessTable.armedTimers(torpor.pid).isEmpty {
          try #require(!deadline.hasPassed)
          usleep(20_000)
        }
      }
    }

    @Test func whatIsOnItsWayWhenTorporIsStoppedArrives() throws {
      try withBackend { torpor, front, backend in
        let client = try Client(beginConnectingTo: front)
        client.useSmallBuffers()
        let served = try backend.accept()
        let text = String(repeating: "0123456789abcdef", count: 16384)
        try served.send(text)
        try #require(served.waitUntilSent())
        served.close()
        torpor.process.send(SIGTERM)
        usleep(200_000)
        try #require(try client.receiveToEnd() == text)
        try #require(torpor.process.waitForExit(within: .seconds(5)) == .exited(0))
      }
    }

    // MARK: unix sockets

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

    // MARK: mistakes

    @Test(arguments: [
      (["--handover", "relay"], "--to 127.0.0.1"), (["--to", "127.0.0.1:1"], "--handover relay"),
      (["--proxy-protocol", "v1"], "--handover relay"), (["--handover", "relay", "--to", "*:80"], "'*:80'"),
      (["--handover", "relay", "--to", "127.0.0.1:1", "--proxy-protocol", "v3"], "v3"),
      (["--handover", "relay", "--to", "127.0.0.1:1", "--env", "A=%{fd}"], "--handover relay passes none"),
      (["--handover", "relay", "--to", "udp:53"], "a relay is for connections"),
      (["--handover", "relay", "--to", "seqpacket:@torpor.x"], "a relay is for connections"),
      (["--handover", "relay", "--to", "@torpor.x", "-l", "@torpor.x"], "torpor itself holds @torpor.x"),
      (["--handover", "relay", "--to", "127.0.0.1:1", "-l", "seqpacket:@torpor.x"], "can't be relayed"),
      (["--handover", "relay", "--to", "127.0.0.1:1", "-l", "dgram:@torpor.x"], "can't be relayed"),
      (["--handover", "relay", "--to", "127.0.0.1:1", "-l", "udp:127.0.0.1:1054"], "can't be relayed"),
    ])
    func whatMakesNoSenseIsTold(options: [String], told: String) throws {
      let outcome = try Outcome(of: ["-l", "127.0.0.1:\(try freePort())"] + options + ["--", "true"])
      #expect(outcome.status == .exited(2))
      #expect(outcome.errors.contains(told), "\(outcome.errors)")
    }

    @Test func anAddressThatIsHeldCanNotBeTheServicesOwn() throws {
      let port = try freePort()
      for held in ["127.0.0.1:\(port)", "*:\(port)", "0.0.0.0:\(port)"] {
        let outcome = try Outcome(of: ["-l", held, "--handover", "relay", "--to", "127.0.0.1:\(port)", "--", "true"])
        #expect(outcome.status == .exited(2))
        #expect(outcome.errors.contains("torpor itself holds 127.0.0.1:\(port)"), "\(outcome.errors)")
      }
    }

    // MARK: setups

    private func relay(_ front: Endpoint, _ back: Endpoint, _ options: String...) -> [String] {
      ["-l", "\(front)", "--handover", "relay", "--to", "\(back)"] + options + ["--"]
    }

    /// With oddserver behind it.
    private func serve(
      flags: [String] = [], idle: String = "50ms", options: [String] = [], wrapper: [String] = [],
      _ body: (TorporProcess, Endpoint) throws -> Void
    ) throws {
      let (front, back) = (Endpoint.v4(try freePort()), Endpoint.v4(try freePort()))
      let arguments = ["-l", "\(front)", "--handover", "relay", "--to", "\(back)", "--idle", idle] + options + ["--"]
      try TorporProcess.run(arguments + OddServer.command(back, flags), wrapper: wrapper) { try body($0, front) }
    }

    /// With the test itself behind it, woken and ready.
    private func withBackend(
      _ back: Endpoint? = nil, options: [String] = [], _ body: (TorporProcess, Endpoint, TestListener) throws -> Void
    ) throws {
      let front = Endpoint.v4(try freePort())
      let back = try back ?? .v4(try freePort())
      let backend = try TestListener(back)
      let arguments =
        ["-l", "\(front)", "--handover", "relay", "--to", "\(back)", "--idle", "30s", "--start"] + options
      try TorporProcess.run(arguments + ["--", "sleep", "600"]) { torpor in
        try torpor.waitFor(.serving)
        // The connection that showed that it serves was nobody's.
        try #require(try backend.accept().receiveToEnd().isEmpty)
        try body(torpor, front, backend)
      }
    }

    private func memoryKilobytes(_ pid: pid_t) -> Int? {
      ProcessTable.status(pid, "RssAnon").flatMap { Int($0.prefix { $0.isNumber }) }
    }
  }
}
