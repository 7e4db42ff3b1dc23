import Foundation
import Testing

extension ServerTests {
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

    // MARK: processing

    @Test(arguments: ["BURN 4", "BURST 5", "WRITE 5"]) func workForNobodyKeepsItUp(order: String) throws {
      try WorkingServer.run { torpor, endpoint, directory in
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

    @Test func clientsOfItsOwnListenerKeepItUp() throws {
      try WorkingServer.run { torpor, endpoint, directory in
        for place in ["\(try freePort())", directory.path("own.sock")] {
          try Client.ask(endpoint, WorkingServer.order("LISTEN \(place)"))
          try torpor.waitFor(.serving)
          let own = UInt16(place).map { Endpoint.v4($0) } ?? .unix(place)
          let client = try Client(connectingTo: own)
          try #require(try torpor.hears(noneOf: .resting, .rested, .failed, for: .seconds(4)))
          client.close()
          // The server doesn't read from it, and so keeps its end.
          if own.path == nil { break }
        }
      }
    }

    @Test func aConnectionOfItsOwnCountsWhileItCarriesData() throws {
      let peer = try TestListener(.v4(try freePort()))
      try WorkingServer.run { torpor, endpoint, _ in
        try Client.ask(endpoint, WorkingServer.order("CONNECT \(peer.endpoint.port)"))
        try torpor.waitFor(.serving)
        let connection = try peer.accept()
        var last = 0.0
        for _ in 0..<20 {
          try #require(try torpor.hears(noneOf: .resting, .rested, .failed, for: .milliseconds(250)))
          last = wallClockSeconds()
          try connection.send(".")
        }
        // It is unread, and so in hand.
        try #require(try torpor.hears(noneOf: .resting, .rested, .failed, for: .seconds(3)))
        _ = last
      }
    }

    @Test func aSilentConnectionOfItsOwnDoesNotKeepItUp() throws {
      let peer = try TestListener(.v4(try freePort()))
      try WorkingServer.run { torpor, endpoint, _ in
        try Client.ask(endpoint, WorkingServer.order("CONNECT \(peer.endpoint.port)"))
        let end = wallClockSeconds()
        let connection = try peer.accept()
        let resting = try torpor.waitFor(.resting, within: .seconds(8))
        try requireInTime(resting, after: end)
        connection.close()
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
