import Foundation
import Testing

extension OwnDataTests {
  /// A process for each connection, or the listening socket as a standard input: what inetd has done for forty years.
  @Suite struct ConnectionTests {
    @Test func eachConnectionHasAProcessOfItsOwn() throws {
      try inetd(["cat"]) { torpor, endpoint in
        let clients = try (1...3).map { _ in try Client(connectingTo: endpoint) }
        var pids: Set<pid_t> = []
        for (number, client) in clients.enumerated() {
          try client.send("I am \(number)\n")
          _ = try client.receive { $0 == "I am \(number)\n" }
          let connected = try torpor.waitFor(.connected)
          try #require(connected.client == clients[number].localAddress)
          pids.insert(try #require(connected.pid))
        }
        try #require(pids.count == 3)
        for client in clients {
          client.shutDownWriting()
          try #require(try client.receiveToEnd().isEmpty)
        }
        for _ in clients { try #require(try torpor.waitFor(.disconnected).reason == nil) }
        try torpor.requireNothingRuns()
      }
    }

    @Test func theProcessIsToldWhoItsClientIs() throws {
      let command = shell("read line; echo \"$REMOTE_ADDR $REMOTE_PORT $line\"")
      try inetd(command) { _, endpoint in
        let client = try Client(connectingTo: endpoint)
        try client.send("hello\n")
        let port = try #require(client.localAddress.split(separator: ":").last)
        try #require(try client.receiveToEnd() == "127.0.0.1 \(port) hello\n")
      }
    }

    @Test(.enabled(if: Machine.hasIPv6, "has no IPv6 on the loopback interface"))
    func anIPv4ClientOfAnIPv6SocketIsOne() throws {
      let port = try freePort()
      try TorporProcess.run(["-l", "*:\(port)", "--handover", "inetd", "--"] + shell("echo \"$REMOTE_ADDR\"")) { _ in
        try #require(try Client(connectingTo: .v4(port)).receiveToEnd() == "127.0.0.1\n")
        try #require(try Client(connectingTo: .v6(port)).receiveToEnd() == "::1\n")
      }
    }

    @Test func aClientOfAPathHasNoAddress() throws {
      let directory = try TemporaryDirectory()
      let path = directory.path("service.sock")
      let arguments = ["-l", path, "--handover", "inetd", "--"] + shell("read line; echo \"$line${REMOTE_ADDR-.}\"")
      try TorporProcess.run(arguments) { torpor in
        for _ in 1...3 {
          let client = try Client(connectingTo: .unix(path))
          try client.send("hello\n")
          try #require(try client.receiveToEnd() == "hello.\n")
          try torpor.waitFor(.disconnected)
        }
        try torpor.stopGracefully()
        try #require(access(path, F_OK) != 0)
      }
    }

    @Test func theConnectionIsInputAndOutputAndErrorsAreOurs() throws {
      let command = shell("echo to the log >&2; ls /proc/$$/fd; cat /proc/self/fdinfo/0")
      try inetd(command) { torpor, endpoint in
        let text = try Client(connectingTo: endpoint).receiveToEnd()
        try #require(text.hasPrefix("0\n1\n2\npos:"), "\(text)")
        // It blocks, as such programs expect (O_RDWR alone).
        try #require(text.contains("flags:\t02\n"), "\(text)")
        try #require(torpor.errors.contains("to the log", within: .seconds(5)))
      }
    }

    @Test func beyondTheLimitClientsWaitAndNobodyIsLost() throws {
      try inetd(["cat"], options: ["--max-connections", "2"]) { torpor, endpoint in
        let clients = try (1...6).map { _ in try Client(connectingTo: endpoint) }
        for client in clients { try client.send("here\n") }
        let full = try torpor.waitFor(.full)
        try #require(full.connections == 2)
        for (number, client) in clients.enumerated() {
          _ = try client.receive { $0 == "here\n" }
          torpor.learnDescendants()
          try #require(torpor.livingServices.count <= 2)
          if number + 2 < clients.count { try #require(clients[number + 2].hearsNothing(for: .milliseconds(50))) }
          client.close()
        }
        for _ in clients { try torpor.waitFor(.disconnected) }
        try torpor.requireNothingRuns()
      }
    }

    @Test func aBurstOfClientsIsServedToTheLastOne() throws {
      try inetd(shell("read line; echo \"$line\""), options: ["--max-connections", "8"]) { torpor, endpoint in
        let before = ProcessTable.descriptors(torpor.pid).count
        let clients = try (1...200).map { _ in try Client(beginConnectingTo: endpoint) }
        for (number, client) in clients.enumerated() {
          try client.waitUntilConnected()
          try client.send("\(number)\n")
        }
        for (number, client) in clients.enumerated() {
          try #require(try client.receiveToEnd(within: .seconds(30)) == "\(number)\n")
        }
        for _ in clients { try torpor.waitFor(.disconnected) }
        try torpor.requireNothingRuns()
        try #require(ProcessTable.descriptors(torpor.pid).count == before)
        try #require(ProcessTable.armedTimers(torpor.pid).isEmpty)
      }
    }

    /// The background process has the connection, too: until it is gone the client sees no end.
    @Test(arguments: [true, false])
    func whatAConnectionsProcessLeavesBehindIsEnded(asRoot: Bool) throws {
      if !asRoot, !Machine.canBecomeNobody { return }
      let copies = try TemporaryDirectory()
      let binaries = try Binaries.built.copied(to: copies)
      let command = shell("sleep 300 & echo gone")
      let wrapper = asRoot ? [] : Machine.asNobody
      try inetd(command, options: ["--max-connections", "1"], wrapper: wrapper, binaries: binaries) {
        torpor, endpoint in
        for _ in 1...2 { try #require(try Client(connectingTo: endpoint).receiveToEnd() == "gone\n") }
        try torpor.waitFor(.disconnected)
        try torpor.waitFor(.disconnected)
        let deadline = Deadline(after: .seconds(5))
        while !deadline.hasPassed, !ProcessTable.descendants(of: torpor.pid).isEmpty { usleep(5000) }
        try torpor.requireNothingRuns()
      }
    }

    @Test func oneThatIgnoresSIGTERMIsKilledWithItsConnection() throws {
      // What a shell ignores its children ignore, too.
      let command = shell("trap '' TERM; sleep 300 & echo gone")
      try inetd(command) { torpor, endpoint in
        let client = try Client(connectingTo: endpoint)
        _ = try client.receive { $0 == "gone\n" }
        try torpor.waitFor(.leftoversKilled)
        try #require(try client.receiveToEnd().isEmpty)
        try torpor.requireNothingRuns()
      }
    }

    @Test(.enabled(if: Machine.isRoot, "needs root, to make cgroups"))
    func eachConnectionHasACgroupOfItsOwn() throws {
      try inetd(shell("cat /proc/self/cgroup")) { torpor, endpoint in
        let groups = try (1...2).map { _ in
          try Client(connectingTo: endpoint).receiveToEnd().split(separator: "\n").first { $0.hasPrefix("0::") } ?? ""
        }
        if groups.allSatisfy({ !$0.contains("torpor-") }) { return }
        try #require(groups[0].hasSuffix("/torpor-sh-\(torpor.pid)/1"), "\(groups)")
        try #require(groups[1].hasSuffix("/torpor-sh-\(torpor.pid)/2"), "\(groups)")
      }
    }

    @Test func aCommandThatCanNotBeExecutedIsToldAndItsClientClosed() throws {
      let directory = try TemporaryDirectory()
      let text = "#!/bin/sh\necho fine\n"
      let script = try directory.write(text, to: "server.sh", mode: 0o755)
      try inetd([script]) { torpor, endpoint in
        try #require(try Client(connectingTo: endpoint).receiveToEnd() == "fine\n")
        unlink(script)
        let unlucky = try Client(connectingTo: endpoint)
        let patient = try Client(connectingTo: endpoint)
        let failed = try torpor.waitFor(.failed)
        try #require(try #require(failed.reason).contains("cannot start '\(script)': No such file or directory"))
        try #require(failed.retrySeconds == 1)
        try #require(try unlucky.receiveToEnd().isEmpty)
        // The other one waits for its turn.
        try #require(patient.hearsNothing(for: .milliseconds(200)))
        try directory.write(text, to: "server.sh", mode: 0o755)
        try #require(try patient.receiveToEnd(within: .seconds(3)) == "fine\n")
        try #require(torpor.count(of: .failed) == 1)
      }
    }

    @Test func aProcessThatFailsIsTold() throws {
      let port = try freePort()
      let plain = try ChildProcess(
        [Binaries.built.torpor, "run", "-l", "127.0.0.1:\(port)", "--handover", "inetd", "--"] + shell("exit 3"))
      defer { plain.endWithDescendants() }
      let dormant = "torpor: sh gets a process for each connection to 127.0.0.1:\(port)"
      try #require(plain.errors.contains(dormant, within: .seconds(10)))
      let client = try Client(connectingTo: .v4(port))
      try #require(try client.receiveToEnd().isEmpty)
      try #require(plain.errors.contains("for \(client.localAddress), exited with status 3", within: .seconds(5)))
    }

    @Test func aStopEndsWhatRuns() throws {
      try inetd(["cat"]) { torpor, endpoint in
        let client = try Client(connectingTo: endpoint)
        try torpor.waitFor(.connected)
        try torpor.stopGracefully()
        try #require(try client.receiveToEnd().isEmpty)
        #expect(throws: ClientFailure.refused) { try Client(connectingTo: endpoint) }
      }
      let stubborn = shell("trap '' TERM; echo ready; while :; do sleep 1; done")
      try inetd(stubborn, options: ["--stop-timeout", "300ms"]) { torpor, endpoint in
        let client = try Client(connectingTo: endpoint)
        _ = try client.receive { $0 == "ready\n" }
        torpor.process.send(SIGTERM)
        try #require(try torpor.waitFor(.stopTimedOut).seconds == 0.3)
        try #require(torpor.process.waitForExit(within: .seconds(5)) == .exited(0))
        try torpor.requireNothingRuns()
      }
    }

    @Test func nothingHappensWhileNobodyIsThere() throws {
      try inetd(["cat"]) { torpor, endpoint in
        let client = try Client(connectingTo: endpoint)
        client.shutDownWriting()
        _ = try client.receiveToEnd()
        client.close()
        try torpor.waitFor(.disconnected)
        _ = try torpor.hears(noneOf: .failed, for: .milliseconds(300))
        let before = ProcessTable.contextSwitches(torpor.pid)
        _ = try torpor.hears(noneOf: .failed, for: .seconds(2))
        try #require(ProcessTable.contextSwitches(torpor.pid) == before)
      }
    }

    // MARK: the listening socket

    @Test(.enabled(if: RealServer.python.isInstalled, "python3 isn't installed"))
    func aProgramThatTakesItsListeningSocketAsStandardInputIsServed() throws {
      let directory = try TemporaryDirectory()
      let script = try directory.write(
        """
        import os, socket
        listener = socket.socket(fileno=0)
        while True:
          connection, _ = listener.accept()
          connection.sendall(b"%d %s\\n" % (os.getpid(), os.environ.get("LISTEN_FDS", "none").encode()))
          connection.close()

        """, to: "server.py")
      let endpoint = Endpoint.v4(try freePort())
      let arguments = ["-l", "\(endpoint)", "--handover", "inetd-wait", "--idle", "200ms", "--"]
      try TorporProcess.run(arguments + [try #require(RealServer.python.program), script]) { torpor in
        for _ in 1...3 {
          let first = try Client(connectingTo: endpoint).receiveToEnd()
          let second = try Client(connectingTo: endpoint).receiveToEnd()
          // One process serves both, and it was given no socket otherwise.
          try #require(first == second && first.hasSuffix(" none\n"), "\(first) \(second)")
          try torpor.waitFor(.serving)
          try torpor.waitFor(.rested)
          try torpor.requireNothingRuns()
        }
        try #require(torpor.count(of: .failed) == 0)
      }
    }

    @Test(arguments: [
      (["--handover", "inetd", "--idle", "1s"], "--idle has no meaning"),
      (["--handover", "inetd", "--start"], "--start has no meaning"),
      (["--handover", "inetd", "--ready", "notify"], "--ready has no meaning"),
      (["--handover", "inetd", "--max-connections", "0"], "a number from 1 on"),
      (["--max-connections", "5"], "--handover inetd only"),
      (["--handover", "inetd", "--env", "A=%{fd}"], "--handover inetd passes none"),
      (["--handover", "inetd-wait", "-l", "127.0.0.2:1024"], "is for one socket, and there are 2"),
      (["--handover", "inetd", "-l", "udp:127.0.0.1:1054"], "has no connections"),
      (["--handover", "inetd", "-l", "dgram:@torpor.x"], "has no connections"),
      (["--handover", "inetd", "--may-kill"], "--may-kill has no meaning"),
    ])
    func whatMakesNoSenseIsTold(options: [String], told: String) throws {
      let outcome = try Outcome(of: ["-l", "127.0.0.1:\(try freePort())"] + options + ["--", "true"])
      #expect(outcome.status == .exited(2))
      #expect(outcome.errors.contains(told), "\(outcome.errors)")
    }

    // MARK: setups

    private func shell(_ script: String) -> [String] { ["sh", "-c", script] }

    private func inetd(
      _ command: [String], options: [String] = [], wrapper: [String] = [], binaries: Binaries = .built,
      _ body: (TorporProcess, Endpoint) throws -> Void
    ) throws {
      let endpoint = Endpoint.v4(try freePort())
      let arguments = ["-l", "\(endpoint)", "--handover", "inetd"] + options + ["--"] + command
      try TorporProcess.run(arguments, wrapper: wrapper, binaries: binaries) { try body($0, endpoint) }
    }
  }
}
