import Lifecycle
import Testing

@Suite struct WakeTests {
  @Test func aConnectionStartsTheServiceOnce() {
    var script = Script()
    #expect(script.send(.connectionWaiting).prefix(3) == [.disarm, .report(.waking), .spawn])
    script.send(.spawned)
    #expect(script.send(.connectionWaiting).isEmpty)
    #expect(script.send(.startRequested).isEmpty)
  }

  @Test func boundSocketsAreReadiness() {
    var script = Script(sockets: 2)
    script.wake()
    #expect(script.send(.adopted(socket: 0), after: .milliseconds(2)).isEmpty)
    script.send(.adopted(socket: 1), after: .milliseconds(3))
    #expect(script.reports == [.serving(after: .milliseconds(5))])
  }

  @Test func anEmptiedQueueIsReadiness() {
    var script = Script()
    script.wake()
    script.reachDeadline()
    #expect(script.answerQueues(current: 1).isEmpty)
    script.reachDeadline()
    script.answerQueues(current: 0)
    #expect(script.isRunning)
  }

  @Test func onlyReadyIsReadinessOfAServiceThatNotifies() {
    var script = Script(readiness: .notify)
    script.wake()
    #expect(script.send(.adopted(socket: 0)).isEmpty)
    script.send(.notifiedReady, after: .seconds(1))
    #expect(script.reports == [.serving(after: .seconds(1))])
  }

  /// A queue gets shorter by accept() alone.
  @Test(arguments: [0, 1])
  func anEmptiedQueueShowsAServiceAtTheLastMomentToo(length: Int) {
    var script = Script()
    script.wake()
    for _ in 0..<10_000 {
      script.reachDeadline()
      if case .sample = script.actions.last { break }
      script.answerQueues(current: 1)
    }
    script.answer { $0.acceptQueueLength = length }
    #expect(script.isRunning == (length == 0))
  }

  @Test func aStartThatTakesTooLongHasFailed() {
    var script = Script(readiness: .notify)
    script.wake()
    script.reachDeadline()
    #expect(script.actions == [.terminateMain])
    script.send(.mainExited(.signalled(15, dumpedCore: false), hasSuccessor: false), after: .seconds(1))
    script.send(.allProcessesGone)
    script.answer { $0.queuedOnCurrent = [7] }
    #expect(script.reports == [.failed(.startTimedOut(after: .seconds(90)), waiting: 1, retryIn: .seconds(1))])
    #expect(script.lifecycle.failures == 1)
  }

  @Test func failedStartsAreTriedAgainEachLater() {
    var script = Script()
    script.send(.connectionWaiting)
    for seconds in [1, 2, 4, 8] {
      script.send(.spawnFailed)
      script.answer { $0.queuedOnCurrent = [7] }
      #expect(script.reports == [.failed(.cannotStart, waiting: 1, retryIn: .seconds(seconds))])
      let failedAt = script.now
      script.reachDeadline()
      #expect(script.now.since(failedAt) == .seconds(seconds))
      script.answer { $0.queuedOnCurrent = [7] }
      #expect(script.actions.contains(.spawn))
    }
  }

  @Test func nobodyIsStartedForOnceNobodyWaits() {
    var script = Script()
    script.send(.connectionWaiting)
    script.send(.spawnFailed)
    script.answer { $0.queuedOnCurrent = [7] }
    script.reachDeadline()
    #expect(script.answer() == [.report(.dormant), .arm])
    #expect(script.lifecycle.deadline == nil)
    #expect(script.lifecycle.failures == 1)
  }

  @Test func aServiceThatDiesStartingHasFailed() {
    var script = Script()
    script.wake()
    #expect(script.send(.mainExited(.exited(code: 1), hasSuccessor: false)) == [.terminateAll])
    script.send(.allProcessesGone)
    script.answer { $0.queuedOnCurrent = [7] }
    #expect(script.reports == [.failed(.diedStarting(.exited(code: 1)), waiting: 1, retryIn: .seconds(1))])
  }

  @Test func aServiceThatLeavesWithoutAcceptingHasFailed() {
    var script = Script()
    script.run()
    script.send(.mainExited(.exited(code: 0), hasSuccessor: false), after: .seconds(1))
    script.send(.allProcessesGone)
    script.answer {
      $0.queuedOnCurrent = [7, 8]
      $0.acceptQueueLength = 2
    }
    #expect(script.reports == [.failed(.leftClientsWaiting(.exited(code: 0)), waiting: 2, retryIn: .seconds(1))])
    #expect(script.isBackingOff)
  }

  @Test func aClientThatGaveUpInTheQueueIsNoProofOfService() {
    var script = Script()
    script.run()
    script.send(.mainExited(.exited(code: 0), hasSuccessor: false), after: .seconds(1))
    script.send(.allProcessesGone)
    // Nobody is listed, and yet the queue is as long as it was: its entry stays until somebody accepts it.
    script.answer { $0.acceptQueueLength = 1 }
    #expect(script.isBackingOff)
  }

  @Test func aServiceThatServesAndLeavesBeforeItWasSeenReadyHasNotFailed() {
    var script = Script()
    script.wake()
    #expect(script.send(.mainExited(.exited(code: 0), hasSuccessor: false)) == [.terminateAll])
    script.send(.allProcessesGone)
    script.answer()
    #expect(script.isDormant)
  }

  @Test func aServiceThatLeavesAfterItsWorkHasNotFailed() {
    var script = Script()
    script.run()
    script.reachDeadline()
    script.answer { $0.accepted = 1 }
    script.send(.mainExited(.exited(code: 0), hasSuccessor: false), after: .seconds(1))
    script.send(.allProcessesGone)
    script.answer { $0.queuedOnCurrent = [8] }
    #expect(script.isDormant)
    #expect(script.actions.last == .arm)
    #expect(script.lifecycle.failures == 0)
  }

  @Test func aServiceThatGoesToTheBackgroundIsFollowed() {
    var script = Script()
    script.wake()
    let actions = script.send(.mainExited(.exited(code: 0), hasSuccessor: true))
    #expect(actions == [.followSuccessor, .report(.wentToBackground)])
    script.send(.adopted(socket: 0))
    #expect(script.isRunning)
    script.send(.mainExited(.signalled(11, dumpedCore: true), hasSuccessor: true))
    #expect(script.actions == [.terminateAll])
  }

  @Test func socketsThatAreNeverBoundAreAbandoned() {
    var script = Script(sockets: 2)
    script.wake()
    script.send(.adopted(socket: 0))
    script.reachDeadline()
    script.answerQueues(current: 0)
    #expect(script.isRunning)
    while script.lifecycle.abandoned.isEmpty, script.isRunning { script.reachDeadline() }
    #expect(script.actions == [.abandon(sockets: [1]), .report(.neverBound(sockets: [1]))])
    #expect(script.now.since(Instant(nanoseconds: 1_000_000_000)) == .seconds(90))
  }

  @Test func aListenerShutDownIsListenedOnAgain() {
    var script = Script()
    #expect(script.send(.listenerShutDown(socket: 0)) == [.listenAgain])
    script.wake()
    #expect(script.send(.listenerShutDown(socket: 0)).first == .listenAgain)
    script.send(.adopted(socket: 0))
    #expect(script.send(.listenerShutDown(socket: 0)).first == .listenAgain)
  }
}
