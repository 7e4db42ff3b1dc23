import Lifecycle
import Testing

/// A start that nothing but the service's being alive can tell of: it takes its sockets as they are passed, and nobody is there.
@Suite struct SettlingTests {
  private func started(configure: (inout Lifecycle.Configuration) -> Void = { _ in }) -> Script {
    var script = Script(configure: configure)
    script.send(.startRequested)
    script.send(.spawned, after: .milliseconds(10))
    script.answer()
    return script
  }

  /// Until it is ready; how long after its spawn.
  private func settle(_ script: inout Script, areTaken: Bool = false) -> Duration {
    let begunAt = script.now
    while !script.isRunning, script.now.since(begunAt) < .seconds(60) {
      script.reachDeadline()
      script.answerQueues(areTaken: areTaken)
    }
    return script.now.since(begunAt)
  }

  @Test func oneThatLivesAndThatNobodyWaitsForIsStarted() {
    var script = started()
    let time = settle(&script)
    #expect(time >= .seconds(5) && time < .milliseconds(5_200), "\(time)")
    guard case .serving = script.reports.first else { return #expect(Bool(false), "\(script.reports)") }
  }

  @Test func oneThatHasTakenItsSocketsIsStartedSooner() {
    var script = started()
    let time = settle(&script, areTaken: true)
    #expect(time >= .milliseconds(100) && time < .milliseconds(250), "\(time)")
  }

  /// As long after its start as any other may, and no less where a start has little time.
  @Test(arguments: [Duration.seconds(7), .seconds(90)])
  func oneThatIsPresumedStartedMayGoToTheBackground(startTimeout: Duration) {
    var script = started { $0.startTimeout = startTimeout }
    _ = settle(&script)
    script.send(.mainExited(.exited(code: 0), hasSuccessor: true), after: .seconds(3))
    #expect(script.actions == [.followSuccessor, .report(.wentToBackground)])
  }

  @Test func nobodyIsPresumedToBeServed() {
    var script = started()
    script.reachDeadline()
    script.answerQueues(current: 1, areTaken: true)
    let begunAt = script.now
    while script.now.since(begunAt) < .seconds(20) {
      script.reachDeadline()
      script.answerQueues(current: 1, areTaken: true)
    }
    #expect(!script.isRunning)
    script.reachDeadline()
    script.answerQueues(current: 0)
    #expect(script.isRunning)
  }

  @Test func whatBindsOneOfItsSocketsIsWaitedFor() {
    var script = Script(sockets: 2)
    script.send(.startRequested)
    script.send(.spawned)
    script.answer()
    script.send(.adopted(socket: 0))
    let begunAt = script.now
    while script.now.since(begunAt) < .seconds(20) {
      script.reachDeadline()
      script.answerQueues()
    }
    #expect(!script.isRunning)
    script.send(.adopted(socket: 1))
    #expect(script.isRunning)
  }

  @Test func whatIsToForkIsNotStartedBefore() {
    var script = started { $0.startsInBackground = true }
    let begunAt = script.now
    while script.now.since(begunAt) < .seconds(20) {
      script.reachDeadline()
      script.answerQueues()
    }
    #expect(!script.isRunning)
    script.send(.mainExited(.exited(code: 0), hasSuccessor: true))
    #expect(settle(&script) < .milliseconds(5_500))
    #expect(script.isRunning)
  }

  @Test func whatForksLaterIsFollowedNonetheless() {
    var script = started()
    _ = settle(&script)
    script.send(.mainExited(.exited(code: 0), hasSuccessor: true), after: .seconds(30))
    #expect(script.actions == [.followSuccessor, .report(.wentToBackground)])
    // Not when it has been seen at work.
    script.send(.adopted(socket: 0))
    script.send(.mainExited(.exited(code: 0), hasSuccessor: true))
    #expect(script.actions == [.terminateAll])
  }

  @Test func oneThatDiesOfItsStartHasFailed() {
    var script = started()
    script.send(.mainExited(.exited(code: 1), hasSuccessor: false), after: .seconds(1))
    script.send(.allProcessesGone)
    script.answer()
    #expect(script.reports == [.failed(.diedStarting(.exited(code: 1)), waiting: 0, retryIn: .seconds(1))])
  }

  @Test func withoutAGraceTheStartTimeoutTells() {
    var script = started { $0.settleGrace = nil }
    let begunAt = script.now
    while !script.isRunning {
      script.reachDeadline()
      script.answerQueues()
    }
    #expect(script.now.since(begunAt) >= .milliseconds(89_900))
  }
}
