import Lifecycle
import Testing

@Suite struct ResumeTests {
  private let later = Duration.seconds(1)

  @Test func dormantStaysDormant() {
    var script = Script()
    #expect(script.succeed(hasProcesses: false, hasNext: false) == [.listenAgain, .report(.dormant), .arm])
    #expect(script.lifecycle.deadline == nil)
  }

  /// `dormant` is written down before the swap is made.
  @Test func aSwapThatWasNotMadeIsMade() {
    var script = Script()
    script.rest()
    script.send(.mainExited(.exited(code: 0), hasSuccessor: false))
    script.send(.allProcessesGone)
    script.succeed(hasProcesses: false, hasNext: true)
    #expect(script.actions.first == .swap)
    #expect(script.actions.last == .arm)
  }

  @Test func aRunningServiceGoesOnAndIsIdleFromNowOn() {
    var script = Script()
    script.run()
    #expect(script.succeed(hasProcesses: true, hasNext: false) == [.listenAgain, .recordCloses])
    #expect(script.isRunning)
    let begin = script.now
    while script.isRunning {
      script.reachDeadline()
      script.answer()
    }
    #expect(script.now.since(begin) >= .seconds(16))
  }

  @Test func aFrozenServiceIsThawed() {
    var script = Script()
    script.run()
    #expect(script.succeed(hasProcesses: true, hasNext: false, isFrozen: true).first == .thaw)
  }

  @Test func aStartGoesOn() {
    var script = Script()
    script.wake()
    script.succeed(hasProcesses: true, hasNext: false)
    script.send(.adopted(socket: 0))
    #expect(script.isRunning)
  }

  @Test func aStartThatWasNotMadeIsMadeForWhoeverWaits() {
    var script = Script()
    script.wake()
    #expect(script.succeed(hasProcesses: false, hasNext: false).last == .arm)
    #expect(script.send(.connectionWaiting).contains(.spawn))
  }

  /// SIGTERM has not been sent: the one way that is safe wherever the drain was.
  @Test func aDrainIsGivenUp() {
    var script = Script()
    script.drain()
    script.succeed(hasProcesses: true, hasNext: true)
    #expect(script.actions == [.listenAgain, .steer(.current), .barrier(Query(number: 2))])
  }

  /// It may have been sent: steering back would send clients to a service that is about to go.
  @Test func aRestThatWasCommittedIsFinished() {
    var script = Script()
    script.rest()
    #expect(script.succeed(hasProcesses: true, hasNext: true) == [.terminateMain])
    script.send(.mainExited(.unknown, hasSuccessor: false))
    script.send(.allProcessesGone)
    #expect(script.actions.first == .swap)
    #expect(script.isDormant)
  }

  @Test func aServiceThatDiedInADrainLeavesItsQueuesToTheNext() {
    var script = Script()
    script.drain()
    script.succeed(hasProcesses: false, hasNext: true)
    #expect(script.actions.contains(.steer(.current)))
    script.passBarrier()
    script.answer()
    script.send(.nextClosed(strays: 1))
    script.answer { $0.queuedOnCurrent = [5] }
    #expect(script.isDormant)
    #expect(script.actions.last == .arm)
  }

  @Test func aCommitmentIsKept() {
    var script = Script { $0.sockets = [.datagram] }
    script.becomeIdle()
    script.send(.nextOpened)
    script.answer()
    script.succeed(hasProcesses: true, hasNext: true)
    #expect(script.actions.prefix(2) == [.steer(.next), .commitDatagrams])
    script.passBarrier()
    #expect(script.answer() == [.terminateMain])
  }

  /// What the predecessor has steered away can't come back.
  @Test func aCommitmentThatIsRefusedIsTriedAgain() {
    var script = Script { $0.sockets = [.datagram] }
    script.becomeIdle()
    script.send(.nextOpened)
    script.answer()
    script.succeed(hasProcesses: true, hasNext: true)
    #expect(script.send(.steeringFailed).isEmpty)
    #expect(script.send(.steeringFailed).isEmpty, "told twice, once for each kind of socket")
    #expect(script.lifecycle.memory.phase == .committed)
    script.reachDeadline()
    #expect(script.actions.prefix(2) == [.steer(.next), .commitDatagrams])
    script.passBarrier()
    #expect(script.answer() == [.terminateMain])
  }

  @Test func aCommitmentIsNotTriedForEver() {
    var script = Script { $0.sockets = [.datagram] }
    script.becomeIdle()
    script.send(.nextOpened)
    script.answer()
    script.succeed(hasProcesses: true, hasNext: true)
    let begin = script.now
    var tries = 0
    while script.send(.steeringFailed).isEmpty, tries < 10_000 {
      tries += 1
      script.reachDeadline()
    }
    #expect(script.actions == [.terminateMain])
    #expect(tries > 100)
    let patience = script.lifecycle.configuration.datagramPatience
    #expect(script.now.since(begin) < patience + .milliseconds(10))
  }

  @Test func theWaitAfterAFailureGoesOn() {
    var script = Script()
    script.wake()
    script.send(.allProcessesGone)
    script.send(.mainExited(.exited(code: 1), hasSuccessor: false))
    script.answer { $0.queuedOnCurrent = [7] }
    #expect(script.isBackingOff)
    let until = script.lifecycle.deadline
    #expect(script.succeed(hasProcesses: false, hasNext: false) == [.listenAgain])
    #expect(script.lifecycle.deadline == until)
    #expect(script.lifecycle.failures == 1)
  }

  /// Workers without a master would keep their clients waiting for ever.
  @Test func whatAMainProcessLeftBehindIsClearedAway() {
    var script = Script()
    script.run()
    script.succeed(hasProcesses: true, mainExit: .unknown, hasNext: false)
    #expect(script.actions.last == .terminateAll)
  }

  @Test func oneThatWentToTheBackgroundIsFollowedWhereItIsKnown() {
    var script = Script()
    script.wake()
    script.succeed(hasProcesses: true, mainExit: .exited(code: 0), hasNext: false)
    #expect(script.actions.contains(.followSuccessor))
  }

  @Test func aStopIsFinished() {
    var script = Script()
    script.run()
    script.send(.stopRequested)
    #expect(script.succeed(hasProcesses: true, hasNext: false).contains(.terminateMain))
    script.send(.mainExited(.unknown, hasSuccessor: false))
    script.send(.allProcessesGone)
    #expect(script.actions.last == .finish)
  }

  @Test func abandonedSocketsStayAbandoned() {
    var script = Script(sockets: 2)
    script.wake()
    script.send(.adopted(socket: 0))
    script.send(.notifiedReady)
    while script.lifecycle.abandoned.isEmpty, script.now.since(Instant(nanoseconds: 0)) < .seconds(200) {
      script.reachDeadline()
      if script.lifecycle.abandoned.isEmpty { script.answerQueues() }
    }
    #expect(script.lifecycle.abandoned == [1])
    #expect(script.succeed(hasProcesses: true, hasNext: false).first == .abandon(sockets: [1]))
  }
}
