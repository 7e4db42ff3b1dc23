import Foundation
import Testing

extension ServerTests {
  /// What passes through a relay, and how a connection ends.
  @Suite struct RelayByteTests: RelaySetups {
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

    /// Many pools don't look at a connection before they use it again: it stays half open on their side, and nobody is served by it.
    @Test func whatTheServiceHasClosedDoesNotKeepItUp() throws {
      let directory = try TemporaryDirectory()
      try withBackend(.unix(directory.path("back.sock")), options: ["--idle", "500ms"]) { torpor, front, backend in
        let client = try Client(connectingTo: front)
        let served = try backend.accept()
        try client.send("question")
        _ = try served.receive { $0 == "question" }
        try served.send("answer")
        served.close()
        try #require(try client.receiveToEnd() == "answer")
        try torpor.waitFor(.resting, within: .seconds(4))
        client.close()
      }
    }

    /// Of TCP only a question can tell: a service that is gone answers it by a reset.
    @Test func aServiceThatHasSaidAllIsAskedWhetherItIsThere() throws {
      try withBackend { _, front, backend in
        let client = try Client(connectingTo: front)
        let served = try backend.accept()
        try served.send("answer")
        served.close()
        try #require(try client.receiveToEnd() == "answer")
        // The client may hear of the end a moment before torpor asks.
        let deadline = Deadline(after: .seconds(2))
        var ticks = Int.max
        while ticks > 6000, !deadline.hasPassed {
          let end = try #require(TCPSocket.all(remotePort: backend.endpoint.port, .closeWait).first)
          try #require(end.timer == TCPSocket.keepaliveTimer)
          ticks = end.timerTicks
          usleep(10_000)
        }
        try #require(ticks <= 6000)
        client.close()
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
      // With no looks at the service, which would be wakeups of their own.
      try withBackend(options: ["--idle", "infinity"]) { torpor, front, backend in
        let client = try Client(connectingTo: front)
        let served = try backend.accept()
        // The client has said all it had to say; the service is still thinking.
        client.shutDownWriting()
        try #require(try served.receiveToEnd().isEmpty)
        // The kernel may take 200 ms to acknowledge the end (TCP_DELACK_MAX), which is an event.
        _ = client.hearsNothing(for: .milliseconds(400))
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
  }
}
