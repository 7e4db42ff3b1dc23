import Foundation
import Glibc
import Testing

extension OwnDataTests {
  /// Abstract names, sequenced packets, unix datagrams and FIFOs.
  @Suite(.enabled(if: FixedServer.isInstalled, "python3 isn't installed")) struct FixedSocketTests {
    private static let handovers = ["adopt", "listen-fds", "auto"]

    /// Another way to rest, where it can be had.
    private static let killed = Machine.canFreeze ? ["killed"] : []
    private static func options(_ way: String) -> [String] {
      way == "killed" ? ["--may-kill"] : ["--handover", way]
    }

    private func name() -> String { "@torpor-test-\(getpid())-\(UInt32.random(in: 0...UInt32.max))" }

    // MARK: twenty lives

    @Test(arguments: handovers)
    func anAbstractStreamServerServesTheFirstClientOfEachOfTwentyLives(handover: String) throws {
      try liveAndRest(.unix(name()), ["--handover", handover])
    }

    @Test(.enabled(if: Machine.canFreeze, "needs a cgroup v2 that can be written"))
    func anAbstractStreamServerThatIsKilledServesTheFirstClientOfEachOfTwentyLives() throws {
      try liveAndRest(.unix(name()), ["--may-kill"])
    }

    /// As long as a netlink address, which is let through unasked otherwise.
    @Test func anAbstractNameOfTenBytesIsAdopted() throws {
      let letters = (0..<9).map { _ in String(UnicodeScalar(UInt8.random(in: 97...122))) }.joined()
      try liveAndRest(.unix("@" + letters), ["--handover", "adopt"])
    }

    @Test(arguments: handovers)
    func anAbstractSeqpacketServerServesTheFirstClientOfEachOfTwentyLives(handover: String) throws {
      try liveAndRest(.unix(name(), SOCK_SEQPACKET), ["--handover", handover])
    }

    @Test(arguments: handovers)
    func aSeqpacketServerAtAPathServesTheFirstClientOfEachOfTwentyLives(handover: String) throws {
      let directory = try TemporaryDirectory()
      try liveAndRest(.unix(directory.path("s"), SOCK_SEQPACKET), ["--handover", handover])
    }

    private func liveAndRest(_ endpoint: Endpoint, _ options: [String]) throws {
      let directory = try TemporaryDirectory()
      let command = try FixedServer.command(for: endpoint, in: directory)
      try TorporProcess.run(options + ["-l", "\(endpoint)", "--idle", "50ms", "--"] + command) { torpor in
        for _ in 1...20 {
          let (serving, rested) = try torpor.wakeAndRest(endpoint, within: .seconds(20))
          try #require(serving.socket == "\(endpoint)")
          try #require(try #require(rested.awakeSeconds) >= 0.05)
        }
        try requireNoTrouble(torpor)
      }
    }

    private func requireNoTrouble(_ torpor: TorporProcess) throws {
      try #require(torpor.count(of: .failed) == 0)
      try #require(torpor.count(of: .left) == 0)
      try #require(torpor.count(of: .neverBound) == 0)
      try #require(torpor.count(of: .warning) == 0)
    }

    @Test(arguments: handovers + killed, [true, false])
    func aDatagramServerReadsTheFirstMessageOfEachOfTwentyLives(handover: String, isAbstract: Bool) throws {
      let directory = try TemporaryDirectory()
      let endpoint = Endpoint.unix(isAbstract ? name() : directory.path("log"), SOCK_DGRAM)
      let command = try FixedServer.command(for: endpoint, in: directory, log: directory.path("messages"))
      let options = Self.options(handover) + ["-l", "\(endpoint)", "--idle", "50ms", "--"]
      try TorporProcess.run(options + command) { torpor in
        // Connected once for all lives, as syslog(3) is.
        let client = try Client(connectingTo: endpoint)
        for life in 1...20 {
          try client.send("message \(life)")
          try torpor.waitFor(.serving)
          try torpor.waitFor(.rested)
          try torpor.requireNothingRuns()
          try #require(directory.lines(of: "messages").last == "message \(life)")
        }
        try #require(directory.lines(of: "messages").count == 20)
        try requireNoTrouble(torpor)
      }
    }

    @Test(arguments: handovers + killed)
    func aReaderOfAFIFOReadsTheFirstLineOfEachOfTwentyLives(handover: String) throws {
      let directory = try TemporaryDirectory()
      let path = directory.path("fifo")
      let command = try FixedServer.reader(of: path, log: directory.path("lines"), in: directory)
      let options = Self.options(handover) + ["-l", "fifo:\(path)", "--idle", "50ms", "--"]
      try TorporProcess.run(options + command) { torpor in
        for life in 1...20 {
          try append("line \(life)\n", to: path)
          try torpor.waitFor(.serving)
          try torpor.waitFor(.rested)
          try torpor.requireNothingRuns()
          try #require(directory.lines(of: "lines").last == "line \(life)")
        }
        try #require(directory.lines(of: "lines").count == 20)
        try requireNoTrouble(torpor)
      }
      #expect(access(path, F_OK) != 0, "what we have made is left behind")
    }

    private func append(_ text: String, to path: String) throws {
      let file = open(path, O_WRONLY | O_NONBLOCK)
      try #require(file >= 0, "nobody has the FIFO open")
      defer { close(file) }
      try #require(write(file, text, text.utf8.count) == text.utf8.count)
    }

    // MARK: idle

    /// Each is gone before anybody looks.
    @Test func messagesBetweenTwoLooksKeepTheServiceUp() throws {
      let directory = try TemporaryDirectory()
      let endpoint = Endpoint.unix(name(), SOCK_DGRAM)
      let command = try FixedServer.command(for: endpoint, in: directory, log: directory.path("messages"))
      try TorporProcess.run(["-l", "\(endpoint)", "--idle", "1s", "--"] + command) { torpor in
        let client = try Client(connectingTo: endpoint)
        try client.send("first")
        try torpor.waitFor(.serving)
        var last = 0.0
        for _ in 0..<8 {
          try #require(try torpor.hears(noneOf: .resting, .rested, .failed, for: .milliseconds(400)))
          last = wallClockSeconds()
          try client.send("again")
        }
        let resting = try torpor.waitFor(.resting, within: .seconds(3))
        try #require(resting.time - last >= 1.0)
        try #require(resting.time - last <= 1.125 + 0.15)
        try torpor.waitFor(.rested)
        try #require(directory.lines(of: "messages").count == 9)
      }
    }

    @Test func shortConnectionsToAnAbstractNameAndOpenOnesKeepTheServiceUp() throws {
      let directory = try TemporaryDirectory()
      let endpoint = Endpoint.unix(name())
      let command = try FixedServer.command(for: endpoint, in: directory)
      try TorporProcess.run(["-l", "\(endpoint)", "--idle", "1s", "--"] + command) { torpor in
        try Client.ask(endpoint, .ping)
        try torpor.waitFor(.serving)
        for _ in 0..<5 {
          try #require(try torpor.hears(noneOf: .resting, .rested, .failed, for: .milliseconds(400)))
          try Client.ask(endpoint, .ping)
        }
        let client = try Client(connectingTo: endpoint)
        try client.ask(.ping)
        try #require(try torpor.hears(noneOf: .resting, .rested, .failed, for: .milliseconds(2000)))
        let before = wallClockSeconds()
        client.close()
        let resting = try torpor.waitFor(.resting, within: .seconds(3))
        try #require(resting.time - before >= 1.0)
        try torpor.waitFor(.rested)
      }
    }

    // MARK: what isn't taken

    @Test func aFIFOThatNobodyReadsIsToldOnceAndLetGo() throws {
      let directory = try TemporaryDirectory()
      let fifo = directory.path("fifo")
      let endpoint = Endpoint.unix(name())
      let command = try FixedServer.command(for: endpoint, in: directory)
      let options = ["--handover", "adopt", "--start-timeout", "1s", "--idle", "300ms"]
      try TorporProcess.run(options + ["-l", "\(endpoint)", "-l", "fifo:\(fifo)", "--"] + command) { torpor in
        try append("nobody reads this\n", to: fifo)
        try torpor.waitFor(.serving)
        let warning = try torpor.waitFor(.warning, within: .seconds(5))
        try #require(try #require(warning.message).contains("nobody reads fifo:\(fifo)"))
        try torpor.waitFor(.rested, within: .seconds(5))
        try #require(try torpor.hears(noneOf: .waking, .warning, .failed, for: .milliseconds(500)))
        try torpor.wakeAndRest(endpoint)
      }
    }

    @Test func anAbstractNameThatIsNeverBoundIsToldOnceAndLetGo() throws {
      let directory = try TemporaryDirectory()
      let bound = Endpoint.unix(name())
      let unbound = Endpoint.unix(name())
      let command = try FixedServer.command(for: bound, in: directory)
      let options = ["--handover", "adopt", "--start-timeout", "1s", "--idle", "300ms"]
      try TorporProcess.run(options + ["-l", "\(bound)", "-l", "\(unbound)", "--"] + command) { torpor in
        let client = try Client(connectingTo: bound)
        try client.ask(.ping)
        let told = try torpor.waitFor(.neverBound, within: .seconds(5))
        try #require(told.sockets == ["\(unbound)"])
        #expect(throws: ClientFailure.refused) { try Client(connectingTo: unbound) }
        client.close()
        try torpor.waitFor(.rested, within: .seconds(5))
        try torpor.wakeAndRest(bound)
        try #require(torpor.count(of: .neverBound) == 1)
      }
    }

    /// Which is final for a unix socket.
    @Test func anAbstractNameThatItsServiceShutsDownIsHeldAgainWhenThatHasEnded() throws {
      let directory = try TemporaryDirectory()
      let endpoint = Endpoint.unix(name())
      let script = """
        import signal, socket, sys, time
        s = socket.socket(socket.AF_UNIX)
        s.bind("\\0" + sys.argv[1][1:])
        s.listen(5)
        c = s.accept()[0]
        c.recv(100)
        c.send(b"+PONG\\r\\n")
        s.shutdown(socket.SHUT_RDWR)
        c.close()
        signal.pause()
        """
      let program = try #require(RealServer.python.program)
      let command = [program, "-S", try directory.write(script, to: "server.py"), endpoint.path ?? ""]
      let options = ["--handover", "adopt", "-l", "\(endpoint)", "--idle", "300ms", "--"]
      try TorporProcess.run(options + command) { torpor in
        for life in 1...5 {
          try torpor.wakeAndRest(endpoint)
          try #require(torpor.count(of: .warning) == life)
        }
        try #require(torpor.count(of: .failed) == 0)
      }
    }

    // MARK: what is told

    @Test(arguments: [SOCK_STREAM, SOCK_SEQPACKET].map(\.rawValue))
    func theWakingClientIsNamed(type: UInt32) throws {
      let directory = try TemporaryDirectory()
      let endpoint = Endpoint.unix(name(), __socket_type(type))
      let command = try FixedServer.command(for: endpoint, in: directory)
      try TorporProcess.run(["-l", "\(endpoint)", "--idle", "10s", "--"] + command) { torpor in
        let client = try Client(connectingTo: endpoint)
        let serving = try torpor.waitFor(.serving)
        try #require(serving.clientPid == getpid())
        try #require(serving.socket == "\(endpoint)")
        try client.ask(.ping)
      }
    }

    @Test(arguments: [
      ("@x", "a client that comes while it stops may be lost"),
      ("seqpacket:@x", "a client that comes while it stops may be lost"),
      ("dgram:@x", "what the service reads while it stops may be lost"),
    ])
    func theFirstLineSaysWhatMayBeLost(address: String, loss: String) throws {
      let address = address + "-\(UInt32.random(in: 0...UInt32.max))"
      let line = try firstLine(["-l", address])
      let warning = "\(address) can't be steered: \(loss) (--may-kill avoids that)"
      #expect(line.hasSuffix(" is dormant, listening on \(address); \(warning)"))
    }

    @Test(.enabled(if: Machine.canFreeze, "needs a cgroup v2 that can be written"))
    func theFirstLineSaysNothingOfTheSortWhereNothingIsLost() throws {
      let address = name()
      #expect(try firstLine(["-l", address, "--may-kill"]).hasSuffix(" is dormant, listening on \(address)"))
    }

    private func firstLine(_ options: [String]) throws -> String {
      let torpor = try ChildProcess([Binaries.built.torpor, "run"] + options + ["--", "true"])
      defer { torpor.killAndWait() }
      try #require(torpor.errors.contains("is dormant", within: .seconds(10)))
      return try #require(torpor.errors.all.first)
    }

    @Test func theEventNamesWhatCantBeSteered() throws {
      let address = name()
      try TorporProcess.run(["-l", address, "--", "true"]) { torpor in
        try #require(torpor.events.first { $0.event == .dormant }?.unsteered == [address])
      }
    }

    // MARK: what can't be held

    @Test func anAbstractNameInUseIsRefusedAndItsHolderNamed() throws {
      let directory = try TemporaryDirectory()
      let endpoint = Endpoint.unix(name())
      let holder = try ChildProcess(FixedServer.command(for: endpoint, in: directory))
      defer { holder.killAndWait() }
      let deadline = Deadline(after: .seconds(5))
      while (try? Client.ask(endpoint, .ping)) == nil, !deadline.hasPassed { usleep(10_000) }
      let outcome = try Outcome(of: ["-l", "\(endpoint)", "--", "true"])
      #expect(outcome.status == .exited(1))
      #expect(outcome.errors.contains("torpor: \(endpoint) is in use by python3[\(holder.pid)]"), "\(outcome.errors)")
    }

    @Test func whatIsNoFIFOIsLeftAlone() throws {
      let directory = try TemporaryDirectory()
      let path = try directory.write("precious", to: "fifo")
      let outcome = try Outcome(of: ["-l", "fifo:\(path)", "--", "true"])
      #expect(outcome.status == .exited(1))
      #expect(outcome.errors.contains("\(path) is there already and is no FIFO"), "\(outcome.errors)")
      #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
    }
  }
}
