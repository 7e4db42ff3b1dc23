import Lifecycle
import Testing

@Suite struct RestTests {
  @Test func anIdleServiceIsPutToRestStepByStep() {
    var script = Script()
    script.becomeIdle()
    #expect(script.actions.last == .openNext(sockets: [0]))
    #expect(script.send(.nextOpened).first == .steer(.next))
    script.passBarrier()
    script.answer()
    script.answerQueues()
    #expect(script.answer() == [.terminateMain])
    #expect(script.send(.mainExited(.exited(code: 0), hasSuccessor: false)) == [.terminateAll])
    script.send(.allProcessesGone)
    #expect(script.actions.first == .swap)
    #expect(script.actions.last == .arm)
    #expect(script.isDormant)
    #expect(script.lifecycle.deadline == nil)
  }

  @Test func aRestIsNeitherEarlyNorLaterThanAnEighth() {
    var script = Script()
    script.run()
    script.reachDeadline()
    script.answer { $0.accepted = 1 }
    // Closed right after that look: only the next one will tell.
    let closedAt = script.now
    script.reachDeadline()
    script.answer { $0.hasClosed = true }
    while script.isRunning {
      script.reachDeadline()
      script.answer()
    }
    #expect(script.actions.last == .openNext(sockets: [0]))
    #expect(script.now.since(closedAt) >= .seconds(16))
    #expect(script.now.since(closedAt) <= .seconds(18))
  }

  @Test func aCloseWhileQuietCountsAtOnce() {
    var script = Script()
    script.run()
    script.reachDeadline()
    #expect(script.answer() == [.watchCloses])
    #expect(script.send(.connectionClosed, after: .seconds(10)) == [.recordCloses])
    let closedAt = script.now
    while script.isRunning {
      script.reachDeadline()
      script.answer()
    }
    #expect(script.now.since(closedAt) >= .seconds(16))
    #expect(script.now.since(closedAt) <= .seconds(18))
  }

  @Test func whatCannotBeSeenIsBusy() {
    var script = Script()
    script.run()
    let ready = script.now
    while script.isRunning, script.now.since(ready) < .seconds(100) {
      script.reachDeadline()
      script.failSample()
    }
    #expect(script.isRunning)
  }

  @Test func withoutATimeoutNothingIsLookedAt() {
    var script = Script(idle: nil)
    script.run()
    #expect(script.lifecycle.deadline == nil)
  }

  @Test func aHandshakeInFlightIsWaitedFor() {
    var script = Script()
    script.drain()
    #expect(script.answer { $0.handshakes = [9] }.isEmpty)
    script.reachDeadline()
    // 9 has ended, 10 began after the barrier and is the next socket's.
    script.answer { $0.handshakes = [10] }
    #expect(script.actions.contains { if case .readQueues = $0 { true } else { false } })
  }

  @Test func anAcceptedConnectionGivesTheRestUp() {
    var script = Script()
    script.drain()
    script.answer()
    script.answerQueues()
    script.answer { $0.accepted = 1 }
    let began = script.now
    while !script.isReturning, script.now.since(began) < .seconds(1) {
      script.reachDeadline()
      if script.actions.isEmpty { continue }
      if script.isReturning { break }
      script.answerQueues()
      if !script.isReturning { script.answer { $0.accepted = 1 } }
    }
    #expect(script.actions.first == .steer(.current))
    #expect(script.now.since(began) <= .milliseconds(51))
    script.passBarrier()
    script.answer()
    #expect(script.actions == [.closeNext])
    script.send(.nextClosed(strays: 2))
    #expect(script.reports == [.restAborted(strays: 2)])
    #expect(script.isRunning)
  }

  @Test func withoutMigrationStraysAreRelayedUntilNoneIsLeft() {
    var script = Script(canMigrate: false)
    script.drain()
    script.failSample()
    #expect(script.isReturning)
    #expect(script.passBarrier().first == .relayStrays(sockets: [0]))
    #expect(script.answer { $0.handshakes = [9] }.isEmpty)
    #expect(script.reachDeadline().first == .relayStrays(sockets: [0]))
    #expect(script.answer().first == .relayStrays(sockets: [0]))
    script.answerQueues(next: [0: 1])
    #expect(!script.actions.contains(.closeNext))
  }

  @Test func aCrashDuringTheDrainLeavesNothingInTheNextSockets() {
    var script = Script()
    script.drain()
    #expect(script.send(.mainExited(.signalled(11, dumpedCore: true), hasSuccessor: false)).first == .steer(.current))
    script.passBarrier()
    script.answer()
    #expect(script.actions == [.closeNext])
    script.send(.nextClosed(strays: 1))
    #expect(script.actions.last == .terminateAll)
  }

  @Test func aRestWithoutRoomForSocketsIsTriedLater() {
    var script = Script()
    script.becomeIdle()
    script.send(.nextUnavailable)
    #expect(script.isRunning)
    #expect(script.reports == [.restImpossible(retryIn: .seconds(16))])
  }

  @Test func aBindInTheMiddleOfARestIsNoted() {
    var script = Script(sockets: 2)
    script.wake()
    script.send(.adopted(socket: 0))
    script.send(.queuesRead(Query(number: 0), QueueLengths(current: 0)))
    while !script.isRunning {
      script.reachDeadline()
      script.answerQueues()
    }
    while script.isRunning {
      script.reachDeadline()
      script.answer()
    }
    script.send(.adopted(socket: 1))
    script.send(.nextOpened)
    #expect(script.lifecycle.memory.adopted == [0, 1])
    script.passBarrier()
    script.answer { $0.accepted = 1 }
    #expect(script.isReturning)
    #expect(script.lifecycle.memory.adopted == [0, 1])
  }
}
