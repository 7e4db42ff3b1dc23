import Foundation
import Testing

extension OwnDataTests {
  /// Each sense: no rest while its evidence holds, and a rest in time after it has ended.
  @Suite(.enabled(if: WorkingServer.program != nil, "python3 isn't there")) struct SenseTests {
    private static let idle = 2.0

    /// Nothing rests until `ended` says, and then it does within 9/8 of the timeout.
    private func requireRest(
      _ torpor: TorporProcess, afterEndIn directory: TemporaryDirectory, within limit: Duration = .seconds(20)
    ) throws {
      let resting = try torpor.waitFor(.resting, within: limit)
      let ended = try #require(
        directory.lines(of: "ended").last.flatMap { Double($0) }, "it rests before the work ends")
      try requireInTime(resting, after: ended)
    }

    private func requireInTime(_ resting: TorporEvent, after end: Double) throws {
      let late = resting.time - end
      // The last milliseconds of work may be beneath what can be seen.
      try #require(late >= Self.idle - 0.1, "\(late) s after the end")
      // What a busy machine may need to run us.
      try #require(late <= Self.idle * 1.125 + 0.4, "\(late) s after the end")
    }

    /// How its processes and sockets are known for its own.
    enum Attribution: String, Sendable, CaseIterable {
      case cgroup
      /// No cgroup v2 is there, as in many containers: all that is below torpor is the service's.
      case processTree = "process tree"

      static let here = allCases.filter { $0 == .cgroup || Machine.canHideCgroups }
      var wrapper: [String] { self == .cgroup ? [] : Machine.withoutCgroup }
    }

    // MARK: processing

    @Test(arguments: ["BURN 4", "BURST 5", "WRITE 5"], Attribution.here)
    func workForNobodyKeepsItUp(order: String, attribution: Attribution) throws {
      try WorkingServer.run(wrapper: attribution.wrapper) { torpor, endpoint, directory in
        try Client.ask(endpoint, WorkingServer.order(order))
        try torpor.waitFor(.serving)
        try requireRest(torpor, afterEndIn: directory)
        try torpor.waitFor(.rested)
      }
    }

    @Test func withoutTheSenseItDoesNot() throws {
      try WorkingServer.run(options: ["--senses", "connections"]) { torpor, endpoint, directory in
        try Client.ask(endpoint, WorkingServer.order("BURN 6"))
        try torpor.waitFor(.resting, within: .seconds(4))
        try #require(directory.lines(of: "ended").isEmpty)
      }
    }

    @Test func belowItsThresholdItIsIdle() throws {
      // Some 50 ms in 400 ms; nearly a processor would be much.
      let options = ["--senses", "processing", "--processing-threshold", "90%"]
      try WorkingServer.run(options: options) { torpor, endpoint, directory in
        try Client.ask(endpoint, WorkingServer.order("BURST 12"))
        let resting = try torpor.waitFor(.resting, within: .seconds(9))
        let last = try #require(directory.lines(of: "ended").last.flatMap { Double($0) })
        try #require(resting.time - last < 1.5, "it was over")
      }
    }

    // MARK: channels

    @Test(arguments: ["TCP", "unix"], Attribution.here)
    func clientsOfItsOwnListenerKeepItUp(kind: String, attribution: Attribution) throws {
      try WorkingServer.run(wrapper: attribution.wrapper) { torpor, endpoint, directory in
        let own: Endpoint = kind == "unix" ? .unix(directory.path("own.sock")) : .v4(try freePort())
        try Client.ask(endpoint, WorkingServer.order("LISTEN \(own.path ?? "\(own.port)")"))
        try torpor.waitFor(.serving)
        let client = try Client(connectingTo: own)
        try #require(try torpor.hears(noneOf: .resting, .rested, .failed, for: .seconds(4)))
        client.close()
        let end = wallClockSeconds()
        try requireInTime(try torpor.waitFor(.resting, within: .seconds(8)), after: end)
      }
    }

    /// As etcd's, by which its HTTP gateway asks its own gRPC port. It is open all the time.
    @Test(arguments: ["open", "active"], Attribution.here)
    func aConnectionToItselfIsNobodys(connections: String, attribution: Attribution) throws {
      let options = ["--connections", connections, "--senses", "connections,channels,processing"]
      try WorkingServer.run(options: options, wrapper: attribution.wrapper) { torpor, endpoint, _ in
        try Client.ask(endpoint, WorkingServer.order("CONNECT \(endpoint.port)"))
        try torpor.waitFor(.serving)
        // It isn't taken for a client's, and a client isn't taken for it.
        let client = try Client(connectingTo: endpoint)
        let isEnough = connections == "open"
        for _ in 0..<8 {
          if !isEnough { try client.ask(WorkingServer.order("PING")) }
          try #require(try torpor.hears(noneOf: .resting, .rested, .failed, for: .milliseconds(500)))
        }
        if !isEnough { try client.ask(WorkingServer.order("PING")) }
        let last = wallClockSeconds()
        client.close()
        try requireInTime(try torpor.waitFor(.resting, within: .seconds(8)), after: last)
        try torpor.waitFor(.rested)
        try torpor.wakeAndRest(endpoint, WorkingServer.order("PING"))
      }
    }

    /// As one that is told to listen at 127.0.0.1 and at ::1, where only the first is held.
    @Test(arguments: Attribution.here)
    func clientsAtAnotherAddressOfAHeldPortKeepItUp(attribution: Attribution) throws {
      try WorkingServer.run(wrapper: attribution.wrapper) { torpor, endpoint, _ in
        let own = Endpoint(host: "127.0.0.2", port: endpoint.port)
        try Client.ask(endpoint, WorkingServer.order("LISTEN \(own.port) \(own.host)"))
        try torpor.waitFor(.serving)
        let client = try Client(connectingTo: own)
        try #require(try torpor.hears(noneOf: .resting, .rested, .failed, for: .seconds(4)))
        client.close()
        let end = wallClockSeconds()
        try requireInTime(try torpor.waitFor(.resting, within: .seconds(8)), after: end)
      }
    }

    @Test func aSilentClientOfItsOwnListenerCountsAsConnectionsSay() throws {
      let options = ["--connections", "active", "--senses", "connections,channels"]
      try WorkingServer.run(options: options) { torpor, endpoint, _ in
        let own = Endpoint.v4(try freePort())
        try Client.ask(endpoint, WorkingServer.order("LISTEN \(own.port)"))
        try torpor.waitFor(.serving)
        let client = try Client(connectingTo: own)
        client.sendKeepaliveProbes()
        var last = 0.0
        for _ in 0..<16 {
          try #require(try torpor.hears(noneOf: .resting, .rested, .failed, for: .milliseconds(250)))
          last = wallClockSeconds()
          try client.send(".")
        }
        try requireInTime(try torpor.waitFor(.resting, within: .seconds(8)), after: last)
        try client.expectEnd()
      }
    }

    @Test(arguments: Attribution.here)
    func aConnectionOfItsOwnCountsWhileItCarriesData(attribution: Attribution) throws {
      let peer = try TestListener(.v4(try freePort()))
      try WorkingServer.run(wrapper: attribution.wrapper) { torpor, endpoint, _ in
        try Client.ask(endpoint, WorkingServer.order("CALL \(peer.endpoint.port)"))
        try torpor.waitFor(.serving)
        let connection = try peer.accept()
        connection.sendKeepaliveProbes()
        var last = 0.0
        for _ in 0..<16 {
          try #require(try torpor.hears(noneOf: .resting, .rested, .failed, for: .milliseconds(250)))
          last = wallClockSeconds()
          try connection.send(".")
        }
        try requireInTime(try torpor.waitFor(.resting, within: .seconds(8)), after: last)
        try connection.expectEnd()
      }
    }

    @Test func whatItHasNotReadIsInHand() throws {
      let peer = try TestListener(.v4(try freePort()))
      try WorkingServer.run { torpor, endpoint, _ in
        // It is connected, and never reads.
        try Client.ask(endpoint, WorkingServer.order("CONNECT \(peer.endpoint.port)"))
        try torpor.waitFor(.serving)
        let connection = try peer.accept()
        try connection.send(".")
        try #require(try torpor.hears(noneOf: .resting, .rested, .failed, for: .seconds(4)))
        connection.close()
      }
    }

    /// As a server ends a connection of a pool that nobody has used for long: by a TLS alert, or an SQL error.
    @Test func theUnreadLastWordsOfAPeerThatHasGoneDoNotKeepItUp() throws {
      let peer = try TestListener(.v4(try freePort()))
      try WorkingServer.run { torpor, endpoint, _ in
        try Client.ask(endpoint, WorkingServer.order("CONNECT \(peer.endpoint.port)"))
        try torpor.waitFor(.serving)
        let connection = try peer.accept()
        try connection.send("goodbye")
        connection.close()
        let end = wallClockSeconds()
        try requireInTime(try torpor.waitFor(.resting, within: .seconds(8)), after: end)
      }
    }

    @Test(arguments: Attribution.here)
    func aSilentConnectionOfItsOwnDoesNotKeepItUp(attribution: Attribution) throws {
      let peer = try TestListener(.v4(try freePort()))
      try WorkingServer.run(wrapper: attribution.wrapper) { torpor, endpoint, _ in
        try Client.ask(endpoint, WorkingServer.order("CONNECT \(peer.endpoint.port)"))
        let end = wallClockSeconds()
        let connection = try peer.accept()
        let resting = try torpor.waitFor(.resting, within: .seconds(8))
        try requireInTime(resting, after: end)
        connection.close()
      }
    }

    /// Two services of one manager, with nothing but their processes to tell them apart.
    @Test(
      .enabled(if: Machine.canHideCgroups, "needs root and unshare, to hide the cgroups"),
      arguments: ["BURN 4", "BURST 4", "LISTEN"])
    func whatOneServiceDoesIsNoneOfTheOthers(order: String) throws {
      let directories = [try TemporaryDirectory(), try TemporaryDirectory()]
      let endpoints = [Endpoint.v4(try freePort()), .v4(try freePort())]
      let units = [
        "busy.torpor": try WorkingServer.unit(endpoints[0], in: directories[0], idle: "2s"),
        "idle.torpor": try WorkingServer.unit(endpoints[1], in: directories[1], idle: "2s"),
      ]
      try ManagerProcess.run(units, wrapper: Machine.withoutCgroup) { manager in
        let monitor = try EventMonitor(manager)
        let own = Endpoint.v4(try freePort())
        try Client.ask(endpoints[1], WorkingServer.order("PING"))
        try Client.ask(endpoints[0], WorkingServer.order(order == "LISTEN" ? "LISTEN \(own.port)" : order))
        let begin = wallClockSeconds()
        let client = order == "LISTEN" ? try Client(connectingTo: own) : nil
        let resting = try monitor.waitFor("resting", of: "idle")
        try #require(resting.time - begin <= Self.idle * 1.125 + 0.6, "\(resting.time - begin) s")
        let isUp = try manager.status("busy").state == "running"
        try #require(isUp)
        var end = begin + 4
        if let client {
          try #require(try monitor.hears(noneOf: "resting", of: "busy", for: .seconds(2)))
          client.close()
          end = wallClockSeconds()
        }
        let late = try monitor.waitFor("resting", of: "busy").time - end
        try #require(late >= Self.idle - 0.5 && late <= Self.idle * 1.125 + 1, "\(late) s after its end")
      }
    }

    // MARK: traffic

    @Test func aSilentConnectionKeepsItUpOnlyWhereOpenOnesCount() throws {
      for options in [["--connections", "open"], ["--connections", "active"]] {
        try WorkingServer.run(options: options) { torpor, endpoint, _ in
          let client = try Client(connectingTo: endpoint)
          try client.ask(WorkingServer.order("PING"))
          let end = wallClockSeconds()
          try torpor.waitFor(.serving)
          if options.contains("open") {
            try #require(try torpor.hears(noneOf: .resting, .rested, .failed, for: .seconds(4)))
            client.close()
          } else {
            try requireInTime(try torpor.waitFor(.resting, within: .seconds(8)), after: end)
          }
        }
      }
    }

    @Test func dataInOneDirectionIsUse() throws {
      try WorkingServer.run(options: ["--connections", "active", "--senses", "connections"]) {
        torpor, endpoint, directory in
        let client = try Client(connectingTo: endpoint)
        try client.send("STREAM 5\r\n")
        try requireRest(torpor, afterEndIn: directory)
        _ = try client.receive(within: .seconds(1)) { $0.count >= 20 }
      }
    }

    @Test func keepaliveProbesAreNoUse() throws {
      try WorkingServer.run(options: ["--connections", "active"]) { torpor, endpoint, _ in
        let client = try Client(connectingTo: endpoint)
        client.sendKeepaliveProbes()
        try client.ask(WorkingServer.order("PING"))
        let end = wallClockSeconds()
        try requireInTime(try torpor.waitFor(.resting, within: .seconds(8)), after: end)
      }
    }

    @Test func aSlowReaderHasItsAnswerInHand() throws {
      try WorkingServer.run(options: ["--connections", "active"]) { torpor, endpoint, _ in
        let client = try Client(connectingTo: endpoint)
        try client.ask(WorkingServer.order("PING"))
        // Unread by the server, which is in the middle of something else.
        try torpor.waitFor(.serving)
        let pid = try #require(torpor.events.last { $0.event == .serving }?.pid)
        kill(pid, SIGSTOP)
        defer { kill(pid, SIGCONT) }
        // What comes before it has really stopped is read by the kernel for it.
        usleep(200_000)
        try client.send("PING\r\n")
        try #require(try torpor.hears(noneOf: .resting, .rested, .failed, for: .seconds(4)))
        kill(pid, SIGCONT)
        let end = wallClockSeconds()
        try requireInTime(try torpor.waitFor(.resting, within: .seconds(8)), after: end)
      }
    }

    // MARK: sources that don't count

    @Test func anIgnoredSourceDoesNotKeepItUp() throws {
      let options = ["--senses", "connections", "--ignore-source", "127.0.0.0/8"]
      try WorkingServer.run(options: options) { torpor, endpoint, _ in
        let client = try Client(connectingTo: endpoint)
        // It is answered nonetheless.
        try client.ask(WorkingServer.order("PING"))
        try torpor.waitFor(.serving)
        // Nothing else came: there is no idle time to wait for.
        try torpor.waitFor(.resting, within: .seconds(2))
        try torpor.waitFor(.rested)
        try client.expectEnd()
      }
    }

    @Test func whoIsNotIgnoredCounts() throws {
      let options = ["--senses", "connections", "--ignore-source", "10.0.0.0/8"]
      try WorkingServer.run(options: options) { torpor, endpoint, _ in
        let client = try Client(connectingTo: endpoint)
        try client.ask(WorkingServer.order("PING"))
        try torpor.waitFor(.serving)
        try #require(try torpor.hears(noneOf: .resting, .rested, .failed, for: .seconds(4)))
        client.close()
        let end = wallClockSeconds()
        try requireInTime(try torpor.waitFor(.resting, within: .seconds(8)), after: end)
      }
    }

    // MARK: connections

    @Test func shortConnectionsFarApartKeepItUp() throws {
      try OddServer.run(idle: "5s", options: ["--senses", "connections,channels,processing"]) { torpor, endpoint in
        try Client.ask(endpoint, .ping)
        try torpor.waitFor(.serving)
        for _ in 0..<8 {
          try #require(try torpor.hears(noneOf: .resting, .rested, .failed, for: .seconds(2)))
          // Open for less than a millisecond.
          try Client.ask(endpoint, .ping)
        }
        let end = wallClockSeconds()
        let resting = try torpor.waitFor(.resting, within: .seconds(8))
        try #require(resting.time - end >= 4.95)
        try #require(resting.time - end <= 5.0 * 1.125 + 0.4)
      }
    }
  }
}
