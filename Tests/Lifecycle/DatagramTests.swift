import Lifecycle
import Testing

@Suite struct DatagramTests {
  private func script(_ sockets: [SocketKind] = [.datagram]) -> Script { Script { $0.sockets = sockets } }

  /// All but the datagrams has been proven to be at rest.
  private func committed(_ sockets: [SocketKind] = [.datagram]) -> Script {
    var script = script(sockets)
    script.becomeIdle()
    script.send(.nextOpened)
    if sockets.contains(.tcp) {
      script.passBarrier()
      script.answer()
      script.answerQueues()
    }
    script.answer()
    return script
  }

  @Test func datagramsAreSteeredLast() {
    var script = committed([.tcp, .datagram])
    #expect(script.actions.first == .commitDatagrams)
    #expect(script.lifecycle.memory.phase == .committed)
    script.passBarrier()
    #expect(script.answer() == [.terminateMain])
  }

  @Test func theIdleTimeCountsFromTheLastDatagram() {
    var script = script()
    script.run()
    let ready = script.now
    script.reachDeadline()
    let lastUse = ready.advanced(by: .milliseconds(500))
    script.answer { $0.lastUse = lastUse }
    #expect(script.actions == [.watchCloses])
    #expect(script.lifecycle.deadline == lastUse.advanced(by: .seconds(16)))
  }

  /// The kernel stamps datagrams by a clock that can be set.
  @Test func aStampFromTheFutureIsNow() {
    var script = script()
    script.run()
    script.reachDeadline()
    let now = script.now
    script.answer { $0.lastUse = now.advanced(by: .seconds(1_000_000)) }
    #expect(script.lifecycle.deadline == now.advanced(by: .seconds(16)))
  }

  @Test func oneThatCameBeforeTheCommitmentGivesTheRestUp() {
    var script = script()
    script.becomeIdle()
    script.send(.nextOpened)
    script.answer { $0.unreadDatagrams = 1 }
    #expect(script.actions.first == .steer(.current))
  }

  @Test func oneThatCameDuringTheCommitmentIsAnswered() {
    var script = committed()
    script.passBarrier()
    script.answer { $0.unreadDatagrams = 1 }
    #expect(script.actions.isEmpty)
    script.reachDeadline()
    let read = script.now
    script.answer { $0.lastUse = read }
    while script.actions.first != .terminateMain, script.now.since(read) < .seconds(1) {
      script.reachDeadline()
      script.answer { $0.lastUse = read }
    }
    #expect(script.actions == [.terminateMain])
    #expect(script.now.since(read) >= .milliseconds(200))
  }

  @Test func oneThatIsNeverReadHoldsNothingUpForLong() {
    var script = committed()
    script.passBarrier()
    let begin = script.now
    script.answer { $0.unreadDatagrams = 1 }
    while script.actions.first != .terminateMain, script.now.since(begin) < .seconds(10) {
      script.reachDeadline()
      if !script.isStopping { script.answer { $0.unreadDatagrams = 1 } }
    }
    #expect(script.now.since(begin) == .seconds(5))
  }

  @Test func aDeathDuringTheCommitmentIsTheRest() {
    var script = committed()
    script.send(.allProcessesGone)
    script.send(.mainExited(.exited(code: 0), hasSuccessor: false))
    #expect(script.actions.first == .swap)
    #expect(script.isDormant)
  }

  @Test func aCommitmentThatTheKernelRefusesIsGivenUp() {
    var script = committed()
    #expect(script.send(.steeringFailed).first == .steer(.current))
  }
}
