import Lifecycle
import Testing

/// Answers that come late: a drain's time is for those who come, not for the kernel's answers.
@Suite struct LateAnswerTests {
  @Test func aDrainWhoseEveryAnswerIsLateComesToItsEnd() {
    var script = Script()
    script.drain()
    let late = Duration.milliseconds(200)
    for _ in 0..<3 {
      #expect(script.lifecycle.deadline == nil)
      let asked = script.actions
      // A timer that was on its way.
      #expect(script.send(.deadlineReached, after: late).isEmpty)
      guard let question = asked.last else { return #expect(Bool(false)) }
      switch question {
      case .sample(let query): script.send(.sampled(query, Sample()), after: late)
      case .readQueues(let query): script.send(.queuesRead(query, QueueLengths(current: 0)), after: late)
      default: #expect(Bool(false), "\(question)")
      }
    }
    #expect(script.actions == [.terminateMain])
  }

  /// Of that nothing follows for this one, which has served nobody.
  @Test func oneAboutTheLastInstanceSaysNothingOfThisOne() {
    var script = Script.running()
    script.reachDeadline()
    guard case .sample(let query) = script.actions.last else { return #expect(Bool(false)) }
    script.send(.allProcessesGone)
    script.send(.mainExited(.exited(code: 0), hasSuccessor: false))
    script.answer { $0.hasClosed = true }
    #expect(script.isDormant)
    script.wake()
    var sample = Sample()
    sample.hasReceived = true
    sample.hasClosed = true
    script.send(.sampled(query, sample))
    script.send(.allProcessesGone)
    script.send(.mainExited(.exited(code: 0), hasSuccessor: false))
    script.answer {
      $0.queuedOnCurrent = [7]
      $0.acceptQueueLength = 1
    }
    #expect(script.reports == [.failed(.diedStarting(.exited(code: 0)), waiting: 1, retryIn: .seconds(1))])
  }

  @Test func whatIsStillOnItsWayThenEndsIt() {
    var script = Script()
    script.drain()
    guard case .sample(let query) = script.actions.last else { return #expect(Bool(false)) }
    var sample = Sample()
    sample.handshakes = [9]
    script.send(.sampled(query, sample), after: .milliseconds(200))
    #expect(script.lifecycle.deadline.map { $0 <= script.now } ?? false)
    script.send(.deadlineReached)
    #expect(script.isReturning)
  }
}
