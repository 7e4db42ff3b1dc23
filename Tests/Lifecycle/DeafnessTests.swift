import Lifecycle
import Testing

@Suite struct DeafnessTests {
  /// Ready, and has shut its only listener down.
  private func script(idle: Duration?, sockets: Int = 1) -> Script {
    var script = Script(idle: idle, sockets: sockets)
    script.run()
    script.send(.listenerShutDown(socket: 0), after: .seconds(1))
    return script
  }

  private func waiting(_ sample: inout Sample) {
    sample.queuedOnCurrent = [9]
    sample.acceptQueueLength = 1
  }

  @Test(arguments: [nil, Duration.milliseconds(200), .seconds(16), .seconds(1_800)])
  func whoeverWaitsForTheWholeGraceIsServedByTheNext(idle: Duration?) {
    var script = script(idle: idle)
    script.reachDeadline()
    script.answer { waiting(&$0) }
    let seen = script.now
    while script.isRunning {
      script.reachDeadline()
      script.answer { waiting(&$0) }
    }
    #expect(script.actions == [.terminateMain])
    #expect(script.now.since(seen) >= .milliseconds(250))
    #expect(script.now.since(seen) < .milliseconds(500))
  }

  @Test func oneThatAcceptsAgainIsNoLongerLookedAt() {
    var script = script(idle: nil)
    script.reachDeadline()
    script.answer { waiting(&$0) }
    script.reachDeadline()
    script.answer { $0.accepted = 1 }
    #expect(script.lifecycle.deadline == nil)
    #expect(script.isRunning)
  }

  /// He may have given up at the one while the other has accepted.
  @Test func ofTwoSocketsItIsNotKnownWhichItAcceptsFrom() {
    var script = script(idle: nil, sockets: 2)
    script.reachDeadline()
    script.answer { waiting(&$0) }
    script.reachDeadline()
    script.answer { $0.accepted = 1 }
    #expect(script.lifecycle.deadline != nil)
  }

  @Test func nobodyWaitsIsNoProof() {
    var script = script(idle: nil)
    var looks = 0
    let begin = script.now
    while script.now.since(begin) < .seconds(200) {
      script.reachDeadline()
      script.answer { $0.accepted = 1 }
      looks += 1
    }
    #expect(looks > 45 && looks < 60, "every four seconds: \(looks)")
    while script.now.since(begin) < .seconds(86_400) {
      script.reachDeadline()
      script.answer { $0.accepted = 1 }
      looks += 1
    }
    #expect(looks < 1_700, "\(looks) in a day")
  }

  @Test func oneThatHasMoreInHandHasAccepted() {
    var script = script(idle: nil)
    script.reachDeadline()
    script.answer { $0.accepted = 1 }
    script.reachDeadline()
    script.answer { $0.accepted = 1 }
    #expect(script.lifecycle.deadline != nil)
    script.reachDeadline()
    script.answer { $0.accepted = 2 }
    #expect(script.lifecycle.deadline == nil)
  }

  @Test func oneThatBindsAnewListens() {
    var script = script(idle: nil)
    script.send(.adopted(socket: 0))
    script.reachDeadline()
    script.answer()
    #expect(script.lifecycle.deadline == nil)
  }

  /// It was taken before, and told after.
  @Test func aLookFromBeforeTheShutdownSaysNothing() {
    var script = Script()
    script.run()
    let look = script.reachDeadline()
    script.send(.listenerShutDown(socket: 0))
    guard case .sample(let query) = look.first else { return #expect(Bool(false), "no look") }
    var sample = Sample()
    waiting(&sample)
    script.send(.sampled(query, sample), after: .milliseconds(1))
    script.reachDeadline()
    script.answer()
    #expect(script.isRunning)
    #expect(script.lifecycle.deadline.map { $0.since(script.now) <= .seconds(4) } ?? false)
  }

  @Test func aFreezeThatFailsIsNobodysVisit() {
    var script = Script {
      $0.sockets = [.fixed]
      $0.mayKill = true
      $0.canFreeze = true
    }
    script.becomeIdle()
    script.answer()
    #expect(script.asksToFreeze)
    script.failFreeze()
    #expect(script.reports == [.restImpossible(retryIn: .seconds(16))])
    #expect(script.isRunning)
  }
}
