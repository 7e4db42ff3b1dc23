import Foundation
import Testing

extension ServerTests {
  /// Relays where the service, descriptors or time are short.
  @Suite struct RelayShortageTests: RelaySetups {
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
  }
}
