import Foundation
import Testing

extension ServerTests {
  /// The measuring instruments themselves: that they would notice.
  @Suite struct HarnessTests {
    @Test func aClosedPortIsReportedAsRefused() throws {
      let endpoint = Endpoint.v4(try freePort())
      #expect(throws: ClientFailure.refused) { try Client(connectingTo: endpoint) }
    }

    @Test(.enabled(if: RealServer.redis.isInstalled, "redis-server isn't installed"))
    func aPlainServerIsAskedAndItsEndIsSeen() throws {
      let directory = try TemporaryDirectory()
      let endpoint = Endpoint.v4(try freePort())
      let server = try ChildProcess(RealServer.redis.command(port: endpoint.port, in: directory))
      defer { server.killAndWait() }
      #expect(server.output.contains("Ready to accept connections", within: .seconds(10)))
      try Client.ask(endpoint, RealServer.redis.exchange("aWord"))
      #expect(ProcessTable.listeners(server.pid, port: endpoint.port).count == 1)
      #expect(ProcessTable.isGone(server.pid) == false)

      let held = try Client(connectingTo: endpoint)
      try held.ask(.ping)
      #expect(held.hearsNothing(for: .milliseconds(20)))
      server.send(SIGTERM)
      #expect(server.waitForExit(within: .seconds(10)) == .exited(0))
      #expect(ProcessTable.isGone(server.pid))
      #expect(throws: ClientFailure.endOfFile(received: "")) { try held.receive { $0.isEmpty == false } }
      held.close()
    }

    @Test func aServerThatNeverAcceptsIsReportedAsATimeout() throws {
      let endpoint = Endpoint.v4(try freePort())
      let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      defer { close(listener) }
      try #require(endpoint.withAddress { bind(listener, $0, $1) } == 0 && listen(listener, 5) == 0)
      #expect(throws: ClientFailure.timedOut) { try Client.ask(endpoint, .ping, within: .milliseconds(50)) }
    }

    @Test func aProcessStartsCleanAndItsStatusIsKnown() throws {
      let child = try ChildProcess(["sh", "-c", "ls /proc/self/fd | wc -l; echo oops >&2; exit 3"])
      #expect(child.waitForExit(within: .seconds(5)) == .exited(3))
      #expect(child.output.waitForEnd(within: .seconds(5)) && child.errors.waitForEnd(within: .seconds(5)))
      // 0, 1, 2 and the one that reads the directory.
      #expect(child.output.all == ["4"])
      #expect(child.errors.all == ["oops"])
    }

    @Test func theDescendantsOfAProcessAreFound() throws {
      let child = try ChildProcess(["sh", "-c", "sleep 60 & echo started; wait"])
      defer { child.killAndWait() }
      #expect(child.output.contains("started", within: .seconds(5)))
      let descendants = ProcessTable.descendants(of: child.pid)
      #expect(descendants.count == 1)
      for descendant in descendants { descendant.killIfAlive() }
    }
  }
}
