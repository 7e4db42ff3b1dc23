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

  /// Somebody was there nevertheless, and datagrams go to the current socket again.
  private func withdrawn() -> Script {
    var script = committed()
    script.passBarrier()
    script.answer { $0.unreadDatagrams = 1 }
    #expect(script.actions.first == .withdrawDatagrams)
    script.passBarrier()
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

  /// As whatever shows that somebody uses it, as long as nothing has come to the next socket.
  @Test func oneThatCameDuringTheCommitmentGivesTheRestUp() {
    var script = withdrawn()
    #expect(script.lifecycle.memory.phase == .committed)
    #expect(script.answerQueues().first == .steer(.current))
    #expect(script.lifecycle.memory.phase == .draining)
    script.passBarrier()
    script.answer()
    script.send(.nextClosed(strays: 0))
    #expect(script.isRunning)
  }

  @Test func aSilentConnectionThatSendsSomethingGivesTheCommitmentUp() {
    var script = Script {
      $0.sockets = [.datagram, .tcp]
      $0.connections = .active
    }
    script.run()
    repeat {
      script.reachDeadline()
      script.answer { $0.accepted = 1 }
    } while script.isRunning
    script.send(.nextOpened)
    script.passBarrier()
    script.answer { $0.accepted = 1 }
    script.answerQueues()
    script.answer { $0.accepted = 1 }
    #expect(script.actions.first == .commitDatagrams)
    script.passBarrier()
    let now = script.now
    script.answer {
      $0.accepted = 1
      $0.lastUse = now
    }
    #expect(script.actions.first == .withdrawDatagrams)
  }

  @Test(arguments: [Event.pinned(true), .busySaid(true)])
  func aWordEndsTheCommitment(event: Event) {
    var script = committed()
    #expect(script.send(event).first == .withdrawDatagrams)
    script.passBarrier()
    #expect(script.answerQueues().first == .steer(.current))
  }

  @Test func whatHasComeToTheNextSocketIsForTheNextInstance() {
    var script = withdrawn()
    script.answerQueues(next: [0: 1])
    #expect(script.actions.prefix(2) == [.steer(.next), .commitDatagrams])
    script.passBarrier()
    script.answer()
    // Nor is it tried again.
    script.reachDeadline()
    #expect(script.answer { $0.unreadDatagrams = 1 }.isEmpty)
    #expect(script.send(.pinned(true)).isEmpty)
  }

  @Test func whatALateAnswerTellsOfIsAnswered() {
    var script = committed()
    script.passBarrier()
    let look = script.actions
    script.send(.pinned(true))
    let withdrawal = script.actions
    guard case .sample(let query) = look.last, case .barrier(let barrier) = withdrawal.last else {
      return #expect(Bool(false), "neither looked nor withdrawn")
    }
    var sample = Sample()
    sample.hasReceived = true
    script.send(.sampled(query, sample))
    let read = script.now
    script.send(.barrierPassed(barrier))
    script.answerQueues(next: [0: 1])
    script.passBarrier()
    script.answer()
    while script.actions.first != .terminateMain, script.now.since(read) < .seconds(1) {
      script.reachDeadline()
      script.answer()
    }
    #expect(script.actions == [.terminateMain])
    #expect(script.now.since(read) >= .milliseconds(200))
  }

  /// A next socket of another kind gives back what it has.
  @Test func connectionsOnTheNextSocketCanComeBack() {
    var script = committed([.tcp, .datagram])
    script.passBarrier()
    script.answer { $0.unreadDatagrams = 1 }
    script.passBarrier()
    #expect(script.answerQueues(next: [0: 1]).first == .steer(.current))
  }

  @Test func aWithdrawalThatTheKernelRefusesIsTriedAgain() {
    var script = committed()
    script.passBarrier()
    script.answer { $0.unreadDatagrams = 1 }
    #expect(script.send(.steeringFailed).isEmpty)
    #expect(script.send(.pinned(true)).isEmpty)
    script.reachDeadline()
    #expect(script.actions.first == .withdrawDatagrams)
    script.passBarrier()
    #expect(script.answerQueues().first == .steer(.current))
  }

  @Test func aWithdrawalIsNotTriedForEver() {
    var script = committed()
    script.passBarrier()
    script.answer { $0.unreadDatagrams = 1 }
    let begin = script.now
    var tries = 0
    while script.send(.steeringFailed).isEmpty, tries < 10_000 {
      tries += 1
      script.reachDeadline()
    }
    #expect(script.actions.prefix(2) == [.steer(.next), .commitDatagrams])
    #expect(tries > 100)
    #expect(script.now.since(begin) >= .seconds(5))
    #expect(script.now.since(begin) < .seconds(6))
  }

  @Test func aDeathMeanwhileIsTheRest() {
    var script = withdrawn()
    script.send(.mainExited(.exited(code: 0), hasSuccessor: false))
    #expect(script.actions == [.commitDatagrams, .terminateAll])
    script.send(.allProcessesGone)
    #expect(script.actions.first == .swap)
  }

  @Test func oneThatCameBeforeThereWasNoWayBackIsAnswered() {
    var script = withdrawn()
    script.answerQueues(next: [0: 1])
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
    var script = withdrawn()
    script.answerQueues(next: [0: 1])
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
