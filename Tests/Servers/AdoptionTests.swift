import Glibc
import Testing

extension OwnDataTests {
  /// bind() in the service lands on our socket, whatever the service has done with its own before.
  @Suite struct AdoptionTests {
    @Test(arguments: [
      [], ["--epoll-before-bind"], ["--dup-before-bind"], ["--bind-from-thread"], ["--blocking-accept"],
      ["--nonblocking"], ["--cloexec"], ["--v6-mapped"], ["--wildcard"], ["--wildcard6"],
      ["--bind-twice"], ["--epoll-before-bind", "--nonblocking", "--cloexec"],
      ["--epoll-before-bind", "--dup-before-bind"], ["--dup-before-bind", "--blocking-accept", "--bind-from-thread"],
    ])
    func aServerIsServedByOurSocketHoweverItBinds(flags: [String]) throws {
      try OddServer.run(flags, options: ["--handover", "adopt"]) { torpor, endpoint in
        for _ in 1...3 {
          let client = try Client(connectingTo: endpoint)
          try client.ask(.ping)
          for _ in 0..<5 { try Client.ask(endpoint, .ping) }
          let serving = try torpor.waitFor(.serving)
          let held = try #require(heldSocket(torpor, endpoint))
          let own = sockets(try #require(serving.pid), endpoint)
          try #require(own.isEmpty == false && own.allSatisfy { $0.name == held })
          client.close()
          try torpor.waitFor(.rested)
          try torpor.requireNothingRuns()
        }
        try #require(torpor.count(of: .failed) == 0)
      }
    }

    @Test(arguments: [("--nonblocking", true), ("--blocking-accept", false)])
    func theServersChoiceOfBlockingIsKept(flag: String, isNonblocking: Bool) throws {
      try withServingFlags([flag]) { flags in
        try #require(flags.allSatisfy { ($0 & O_NONBLOCK != 0) == isNonblocking })
      }
    }

    @Test func theServersChoiceOfClosingOnExecIsKept() throws {
      try withServingFlags(["--cloexec"]) { flags in try #require(flags.allSatisfy { $0 & O_CLOEXEC != 0 }) }
      try withServingFlags([]) { flags in try #require(flags.allSatisfy { $0 & O_CLOEXEC == 0 }) }
    }

    /// The server itself looks at each connection, and exits with 6 when it lacks an option. In its first life it is started
    /// before anybody comes: a connection that came before any server was there can't have its options.
    @Test func theServersSocketOptionsReachItsConnections() throws {
      try OddServer.run(["--keepalive"], idle: "200ms", options: ["--start"]) { torpor, endpoint in
        try torpor.waitFor(.serving)
        let client = try Client(connectingTo: endpoint)
        try client.ask(.ping)
        let timers = TCPSocket.all(localPort: endpoint.port, .established).map(\.timer)
        try #require(timers == [TCPSocket.keepaliveTimer])
        client.close()
        try torpor.waitFor(.rested)
        // Connections that come while nothing runs have them, too, as they are known by now.
        for _ in 1...2 { try torpor.wakeAndRest(endpoint) }
        try #require(torpor.count(of: .failed) == 0)
      }
    }

    @Test func aServersShortBacklogDoesNotOutliveIt() throws {
      // They come before the next one listens.
      try OddServer.run(["--backlog", "1", "--slow-start-ms", "700"]) { torpor, endpoint in
        try torpor.wakeAndRest(endpoint)
        try torpor.waitFor(.dormant)
        let begin = ContinuousClock.now
        let clients = try (0..<50).map { _ in try Client(beginConnectingTo: endpoint) }
        for client in clients { try client.waitUntilConnected() }
        // A SYN that finds the queue full is tried again after 1 s.
        try #require(begin.duration(to: .now) < .milliseconds(900))
        for client in clients { try client.send(Exchange.ping.request) }
        for client in clients { _ = try client.receive(until: Exchange.ping.isComplete) }
        for client in clients { client.close() }
        try torpor.waitFor(.rested)
      }
    }

    @Test(arguments: ["auto", "listen-fds"])
    func aServerThatTakesItsSocketsByLISTEN_FDSIsServed(handover: String) throws {
      try OddServer.run(["--listen-fds"], options: ["--handover", handover]) { torpor, endpoint in
        for _ in 1...3 { try torpor.wakeAndRest(endpoint) }
        try #require(torpor.count(of: .failed) == 0)
      }
    }

    @Test func aSocketThatTheServiceNeverBindsIsGivenUpAndSaid() throws {
      let used = Endpoint.v4(try freePort())
      let unused = Endpoint.v4(try freePort())
      let arguments =
        ["-l", "\(used)", "-l", "\(unused)", "--idle", "500ms", "--start-timeout", "1s", "--"]
        + OddServer.command(used)
      try TorporProcess.run(arguments) { torpor in
        let client = try Client(connectingTo: used)
        try client.ask(.ping)
        let event = try torpor.waitFor(.neverBound)
        try #require(event.sockets == ["\(unused)"])
        try #require(throws: ClientFailure.refused) { try Client(connectingTo: unused) }
        try client.ask(.ping)
        client.close()
        try torpor.waitFor(.rested)
        try torpor.wakeAndRest(used)
      }
    }

    private struct Listener {
      let descriptor: Int32
      /// "socket:[inode]".
      let name: String
    }

    private func sockets(_ pid: pid_t, _ endpoint: Endpoint) -> [Listener] {
      let names = ProcessTable.descriptors(pid)
      return ProcessTable.listeners(pid, port: endpoint.port).map { Listener(descriptor: $0, name: names[$0] ?? "") }
    }

    private func heldSocket(_ torpor: TorporProcess, _ endpoint: Endpoint) -> String? {
      let held = Set(sockets(torpor.pid, endpoint).map(\.name))
      return held.count == 1 ? held.first : nil
    }

    /// The flags of the service's own listening descriptors in its first and its second life.
    private func withServingFlags(_ flags: [String], _ check: ([Int32]) throws -> Void) throws {
      try OddServer.run(flags, options: ["--handover", "adopt"]) { torpor, endpoint in
        for _ in 1...2 {
          let client = try Client(connectingTo: endpoint)
          try client.ask(.ping)
          let pid = try #require(try torpor.waitFor(.serving).pid)
          let found = sockets(pid, endpoint).compactMap { ProcessTable.descriptorFlags(pid, $0.descriptor) }
          try #require(found.isEmpty == false)
          try check(found)
          client.close()
          try torpor.waitFor(.rested)
        }
      }
    }
  }
}
