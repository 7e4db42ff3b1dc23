import Lifecycle
import Testing

@Suite struct ConnectionServerTests {
  private let start = Instant(nanoseconds: 1_000_000_000)

  private func server(max: Int = 2, stopTimeout: Duration? = .seconds(90)) -> ConnectionServer {
    ConnectionServer(configuration: .init(connectionsMax: max, stopTimeout: stopTimeout))
  }

  private func later(_ seconds: Int) -> Instant { start.advanced(by: .seconds(seconds)) }

  /// Connection `id` comes and gets its process.
  private func connect(_ id: Int, to server: inout ConnectionServer) -> [ConnectionServer.Action] {
    #expect(server.handle(.connectionWaiting(socket: 0), at: start) == [.accept(socket: 0)])
    #expect(server.handle(.accepted, at: start) == [.spawn])
    return server.handle(.spawned(id), at: start)
  }

  @Test func eachConnectionGetsAProcess() {
    var server = server()
    #expect(server.begin() == [.report(.dormant), .arm])
    #expect(connect(1, to: &server) == [.report(.started(1)), .arm])
    #expect(
      server.handle(.mainExited(1, .exited(code: 0), leavesOthers: false), at: start)
        == [.report(.ended(1, .exited(code: 0)))])
    #expect(server.connectionCount == 0)
    #expect(server.deadline == nil)
  }

  @Test func beyondTheLimitWhoeverComesWaits() {
    var server = server()
    _ = connect(1, to: &server)
    #expect(connect(2, to: &server) == [.report(.started(2)), .disarm, .report(.full)])
    #expect(server.handle(.connectionWaiting(socket: 0), at: start).isEmpty)
    let actions = server.handle(.mainExited(1, .exited(code: 0), leavesOthers: false), at: start)
    #expect(actions == [.report(.ended(1, .exited(code: 0))), .arm])
    #expect(server.handle(.connectionWaiting(socket: 1), at: start) == [.accept(socket: 1)])
  }

  @Test func whatAProcessLeavesBehindIsEndedAndCountsUntilThen() {
    var server = server(max: 1)
    _ = connect(1, to: &server)
    let status = ExitStatus.signalled(11, dumpedCore: false)
    #expect(
      server.handle(.mainExited(1, status, leavesOthers: true), at: start)
        == [.report(.ended(1, status)), .terminateLeftovers(1)])
    #expect(server.state == .full)
    #expect(server.deadline == later(5))
    #expect(server.handle(.deadlineReached, at: later(4)).isEmpty)
    #expect(server.handle(.deadlineReached, at: later(5)) == [.killLeftovers(1), .report(.leftoversKilled(1))])
    #expect(server.handle(.deadlineReached, at: later(6)) == [.killLeftovers(1)])
    #expect(server.handle(.leftoversGone(1), at: later(6)) == [.arm])
    #expect(server.deadline == nil)
  }

  @Test func aCommandThatCanNotBeExecutedCostsItsClientTheConnectionAndTheNextAWait() {
    var server = server()
    _ = server.handle(.connectionWaiting(socket: 0), at: start)
    _ = server.handle(.accepted, at: start)
    #expect(
      server.handle(.spawnFailed(isLasting: true), at: start)
        == [.drop, .disarm, .report(.cannotStart(isDropped: true, retryIn: .seconds(1)))])
    #expect(server.handle(.connectionWaiting(socket: 0), at: start).isEmpty)
    #expect(server.deadline == later(1))
    #expect(server.handle(.deadlineReached, at: later(1)) == [.arm])
    _ = server.handle(.connectionWaiting(socket: 0), at: later(1))
    _ = server.handle(.accepted, at: later(1))
    _ = server.handle(.spawnFailed(isLasting: true), at: later(1))
    #expect(server.deadline == later(3))
    _ = server.handle(.deadlineReached, at: later(3))
    #expect(connect(1, to: &server) == [.report(.started(1)), .arm])
    #expect(server.failures == 0)
  }

  @Test func whatTheMachineLacksIsWaitedForWithTheConnectionInHand() {
    var server = server()
    _ = server.handle(.connectionWaiting(socket: 0), at: start)
    _ = server.handle(.accepted, at: start)
    #expect(
      server.handle(.spawnFailed(isLasting: false), at: start)
        == [.disarm, .report(.cannotStart(isDropped: false, retryIn: .seconds(1)))])
    #expect(server.handle(.deadlineReached, at: later(1)) == [.spawn])
    #expect(server.handle(.spawned(7), at: later(1)) == [.report(.started(7)), .arm])
  }

  @Test func withoutADescriptorNobodyIsAccepted() {
    var server = server()
    _ = server.handle(.connectionWaiting(socket: 0), at: start)
    #expect(server.handle(.acceptFailed, at: start) == [.disarm, .report(.cannotAccept(retryIn: .seconds(1)))])
    #expect(server.handle(.deadlineReached, at: later(1)) == [.arm])
    #expect(server.handle(.connectionWaiting(socket: 0), at: later(1)) == [.accept(socket: 0)])
    #expect(server.handle(.nobodyWaited, at: later(1)).isEmpty)
  }

  @Test func aStopEndsWhatRunsAndThenUs() {
    var server = server()
    _ = connect(1, to: &server)
    _ = connect(2, to: &server)
    #expect(server.handle(.stopRequested, at: start) == [.disarm, .report(.stopping), .terminateMains])
    #expect(server.handle(.stopRequested, at: start).isEmpty)
    #expect(
      server.handle(.mainExited(1, .exited(code: 0), leavesOthers: false), at: start)
        == [.report(.ended(1, .exited(code: 0)))])
    #expect(server.handle(.deadlineReached, at: later(90)) == [.killAll, .report(.stopTimedOut(after: .seconds(90)))])
    let killed = ExitStatus.signalled(9, dumpedCore: false)
    #expect(
      server.handle(.mainExited(2, killed, leavesOthers: false), at: later(90))
        == [.report(.ended(2, killed)), .report(.stopped), .finish])
    #expect(server.deadline == nil)
  }

  @Test func aStopWithNobodyThereIsOverAtOnce() {
    var server = server()
    #expect(server.handle(.stopRequested, at: start) == [.disarm, .report(.stopping), .report(.stopped), .finish])
  }

  @Test func aConnectionInHandIsClosedByAStop() {
    var server = server()
    _ = server.handle(.connectionWaiting(socket: 0), at: start)
    _ = server.handle(.accepted, at: start)
    _ = server.handle(.spawnFailed(isLasting: false), at: start)
    #expect(
      server.handle(.stopRequested, at: start) == [.disarm, .drop, .report(.stopping), .report(.stopped), .finish])
  }

  @Test func aSecondStopKillsAtOnce() {
    var server = server(stopTimeout: nil)
    _ = connect(1, to: &server)
    _ = server.handle(.stopRequested, at: start)
    #expect(server.deadline == nil)
    #expect(server.handle(.stopAtOnceRequested, at: start) == [.killAll])
    #expect(server.handle(.deadlineReached, at: later(1)) == [.killAll])
    var other = self.server()
    _ = connect(1, to: &other)
    #expect(other.handle(.stopAtOnceRequested, at: start) == [.disarm, .report(.stopping), .terminateMains, .killAll])
  }
}
