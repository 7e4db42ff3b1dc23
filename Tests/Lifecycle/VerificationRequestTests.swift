import Lifecycle
import enum Lifecycle.ExitStatus
import Testing

/// A start with nobody waiting, to see whether it works.
@Suite struct VerificationRequestTests {
  private func verifying() -> Script {
    var script = Script()
    script.send(.verifyRequested)
    script.send(.spawned)
    script.answer()
    script.send(.adopted(socket: 0), after: .seconds(1))
    return script
  }

  @Test func aVerifiedServiceRestsWhenTheCheckIsOver() {
    var script = verifying()
    #expect(script.reports == [.serving(after: .seconds(1)), .readyToVerify(after: .seconds(1))])
    #expect(script.lifecycle.deadline == nil, "it has the time that the check takes")
    script.send(.verificationEnded, after: .seconds(100))
    // The check itself.
    script.answer { $0.hasClosed = true }
    #expect(script.actions.last == .openNext(sockets: [0]))
  }

  @Test func whatItDoesAtItsOwnStartIsNobodysUse() {
    var script = verifying()
    script.send(.verificationEnded, after: .seconds(1))
    script.answer { $0.isAtWork = true }
    #expect(script.actions.last == .openNext(sockets: [0]))
  }

  @Test func workAfterTheFirstLookIsUse() {
    var script = verifying()
    script.send(.verificationEnded, after: .seconds(1))
    script.answer {
      $0.isAtWork = true
      $0.accepted = 1
    }
    #expect(script.reports == [.restAborted(strays: 0)])
    script.send(.restRequested)
    script.answer { $0.isAtWork = true }
    #expect(script.reports == [.restAborted(strays: 0)])
  }

  /// Then nobody knows whose work the next look tells of.
  @Test func workAfterALookThatFailedIsUse() {
    var script = verifying()
    script.send(.verificationEnded, after: .seconds(1))
    script.failSample()
    #expect(script.reports == [.restAborted(strays: 0)])
    script.send(.restRequested, after: .seconds(1))
    script.answer { $0.isAtWork = true }
    #expect(script.reports == [.restAborted(strays: 0)])
  }

  /// An earlier look that is answered late may have told of the start's own.
  @Test func workAfterALateAnswerIsUse() {
    var script = Script()
    script.send(.verifyRequested)
    script.send(.spawned)
    let start = script.actions
    script.send(.adopted(socket: 0), after: .seconds(1))
    script.send(.verificationEnded, after: .seconds(1))
    let end = script.actions
    guard case .sample(let first) = start.last, case .sample(let second) = end.last else {
      return #expect(Bool(false), "not looked at")
    }
    script.send(.sampled(first, Sample()), after: .milliseconds(1))
    var sample = Sample()
    sample.isAtWork = true
    script.send(.sampled(second, sample), after: .milliseconds(1))
    #expect(script.reports == [.restAborted(strays: 0)])
  }

  @Test func itsOwnWordCountsAfterAStart() {
    var script = verifying()
    script.send(.verificationEnded, after: .seconds(1))
    script.answer { $0.saysBusy = true }
    #expect(script.reports == [.restAborted(strays: 0)])
  }

  @Test func whoeverComesDuringTheCheckIsServed() {
    var script = verifying()
    script.send(.verificationEnded)
    script.answer { $0.accepted = 1 }
    #expect(script.isRunning)
    #expect(script.lifecycle.deadline != nil)
  }

  @Test(arguments: [ExitStatus.exited(code: 0), .exited(code: 1)])
  func oneThatDoesNotStartHasFailed(status: ExitStatus) {
    var script = Script { $0.restart = .always }
    script.send(.verifyRequested)
    script.send(.spawned)
    script.answer()
    script.send(.allProcessesGone)
    script.send(.mainExited(status, hasSuccessor: false))
    script.answer()
    #expect(script.reports == [.failed(.diedStarting(status), waiting: 0, retryIn: .seconds(1))])
    // Once, though its restart policy says otherwise.
    script.reachDeadline()
    script.answer()
    #expect(script.isDormant)
  }

  @Test func oneThatIsInUseIsNotVerified() {
    var script = Script.running()
    #expect(script.send(.verifyRequested).isEmpty)
    #expect(script.send(.verificationEnded).isEmpty)
    #expect(script.isRunning)
  }
}
