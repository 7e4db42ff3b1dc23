import Lifecycle
import enum Lifecycle.ExitStatus
import Testing

/// A start that is asked for while the last instance is leaving.
@Suite struct StartRequestTests {
  private let start: [Action] = [.disarm, .report(.waking), .spawn, .recordCloses]

  /// Told to end for a rest.
  private func resting() -> Script {
    var script = Script()
    script.rest()
    return script
  }

  /// Its main process has ended, and others have not.
  private func leaving(
    _ status: ExitStatus, configure: (inout Lifecycle.Configuration) -> Void = { _ in }
  ) -> Script {
    var script = Script.running(configure: configure)
    script.send(.mainExited(status, hasSuccessor: false), after: .seconds(1))
    return script
  }

  private func end(_ script: inout Script) {
    script.send(.mainExited(.exited(code: 0), hasSuccessor: false))
    script.send(.allProcessesGone)
  }

  @Test func itComesAfterTheEnd() {
    var script = resting()
    #expect(script.send(.startRequested).isEmpty)
    end(&script)
    #expect(script.actions.suffix(2) == [.report(.dormant), .arm])
    #expect(script.isDormant)
    #expect(script.lifecycle.deadline == script.now)
    #expect(script.reachDeadline() == start)
  }

  @Test func aClientMayComeFirst() {
    var script = resting()
    script.send(.startRequested)
    end(&script)
    #expect(script.send(.connectionWaiting) == start)
    script.send(.spawned)
    script.send(.adopted(socket: 0))
    script.send(.restRequested)
    script.answer()
    script.send(.nextOpened)
    script.passBarrier()
    script.answer()
    script.answerQueues()
    script.answer()
    end(&script)
    #expect(script.isDormant)
    #expect(script.lifecycle.deadline == nil, "once")
  }

  @Test func aRestThatIsAskedForLaterTakesItBack() {
    var script = resting()
    script.send(.startRequested)
    script.send(.restRequested)
    end(&script)
    #expect(script.isDormant)
    #expect(script.lifecycle.deadline == nil)
    script = resting()
    script.send(.startRequested)
    end(&script)
    script.send(.restRequested)
    #expect(script.isDormant)
    #expect(script.lifecycle.deadline == nil)
    #expect(script.send(.deadlineReached).isEmpty)
  }

  /// Whoever asks doesn't wait for the end of any wait that its end brings.
  @Test func itDoesNotWaitForTheNextTry() {
    var script = leaving(.exited(code: 1))
    script.send(.startRequested)
    script.send(.allProcessesGone)
    script.answer()
    #expect(script.reports == [.failed(.died(.exited(code: 1)), waiting: 0, retryIn: .zero)])
    #expect(script.lifecycle.deadline == script.now)
    script.reachDeadline()
    #expect(script.answer() == start)
  }

  @Test(arguments: [Restart.no, .always])
  func itComesAfterAGoodEnd(restart: Restart) {
    var script = leaving(.exited(code: 0)) {
      $0.restart = restart
      $0.restartDelay = .seconds(100)
    }
    script.send(.startRequested)
    script.send(.allProcessesGone)
    script.answer { $0.hasClosed = true }
    #expect(script.lifecycle.deadline == script.now)
    script.reachDeadline()
    if restart == .always { script.answer() }
    #expect(script.actions == start)
  }

  @Test func aServiceThatNobodyHasUsedIsNotHeldBack() {
    var script = Script { $0.triggerLimit = Lifecycle.Configuration.Limit(count: 1, interval: .seconds(100)) }
    script.send(.connectionWaiting)
    script.send(.spawned)
    script.answer { $0.acceptQueueLength = 1 }
    script.send(.adopted(socket: 0), after: .milliseconds(1))
    script.drainFromRunning()
    script.answer()
    script.answerQueues()
    script.answer()
    script.send(.startRequested)
    end(&script)
    #expect(script.reachDeadline() == start)
  }

  @Test func nothingFollowsOnAStopForGood() {
    var script = resting()
    script.send(.startRequested)
    script.send(.stopRequested)
    end(&script)
    #expect(script.actions.last == .finish)
    #expect(script.lifecycle.deadline == nil)
    script = resting()
    script.send(.startRequested)
    end(&script)
    #expect(script.send(.stopRequested).last == .finish)
    #expect(script.lifecycle.deadline == nil)
  }
}
