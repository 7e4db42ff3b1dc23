import Lifecycle
import Testing

/// A frozen service that goes on for a moment, for a timer of its own or for sources that don't count: nobody has used it.
@Suite struct FrozenMomentTests {
  /// It is in the queue when the service is thawed for a timer of its own, before the queue has told of it.
  @Test func whoComesBetweenTheLastLookAndTheSleepIsAUse() {
    var script = Script {
      $0.rest = .freeze
      $0.canFreeze = true
    }
    script.becomeIdle()
    script.freeze()
    script.hold(wakeAfter: .seconds(1))
    let look = script.actions
    guard case .sample(let query) = look.last else { return #expect(Bool(false), "not looked at") }
    let visit = script.now.advanced(by: .milliseconds(1))
    script.send(.sampled(query, Sample()), after: .milliseconds(2))
    #expect(script.actions.last == .arm)
    script.reachDeadline()
    #expect(script.isRunning)
    script.reachDeadline()
    script.answer {
      $0.accepted = 1
      $0.lastUse = visit
    }
    #expect(script.isRunning, "it has its whole idle time")
    while script.isRunning {
      script.reachDeadline()
      script.answer {
        $0.accepted = 1
        $0.lastUse = visit
      }
    }
    #expect(script.now.since(visit) >= .seconds(16))
  }

  /// One connection is open and silent, and everything is frozen: as its idle time is over, or because it was asked to.
  private func frozen(
    isAsked: Bool = false, wakeAfter: Duration? = nil, configure: (inout Lifecycle.Configuration) -> Void = { _ in }
  ) -> Script {
    var script = Script {
      $0.rest = .freeze
      $0.canFreeze = true
      $0.stopAfterFrozen = .seconds(150)
      configure(&$0)
    }
    script.run()
    if isAsked {
      script.send(.restRequested)
      script.answer()
    } else {
      repeat {
        script.reachDeadline()
        script.answer { $0.accepted = 1 }
      } while script.isRunning
    }
    sleep(&script, wakeAfter: wakeAfter)
    return script
  }

  private func sleep(_ script: inout Script, wakeAfter: Duration? = nil) {
    script.freeze()
    script.hold(wakeAfter: wakeAfter)
    script.answer { $0.accepted = 1 }
  }

  @Test func whoDoesNotCountIsAnsweredAndItSleepsAgain() {
    var script = frozen()
    let begin = script.now
    #expect(script.send(.ignoredCame, after: .seconds(50)).prefix(3) == [.disarm, .releaseConnections, .thaw])
    #expect(script.reports == [.thawed(after: .seconds(50))])
    #expect(script.lifecycle.deadline.map { $0 <= script.now.advanced(by: .seconds(1)) } ?? false)
    script.reachDeadline()
    script.answer { $0.accepted = 1 }
    #expect(script.asksToFreeze)
    sleep(&script)
    // Its end is not put off by them.
    #expect(script.lifecycle.deadline == begin.advanced(by: .seconds(150)))
  }

  @Test func whoeverElseComesMeanwhileHasTheIdleTime() {
    var script = frozen()
    script.send(.ignoredCame, after: .seconds(50))
    script.reachDeadline()
    let visit = script.now
    script.answer {
      $0.accepted = 1
      $0.lastUse = visit
    }
    while script.isRunning {
      script.reachDeadline()
      script.answer { $0.accepted = 1 }
    }
    #expect(script.now.since(visit) >= .seconds(16))
    sleep(&script)
    #expect(script.lifecycle.deadline == script.now.advanced(by: .seconds(150)))
  }

  @Test func whatCannotBeSeenMeanwhileIsSomebodyElse() {
    var script = frozen()
    script.send(.ignoredCame, after: .seconds(50))
    script.reachDeadline()
    let look = script.now
    script.failSample()
    while script.isRunning {
      script.reachDeadline()
      script.answer { $0.accepted = 1 }
    }
    #expect(script.now.since(look) >= .seconds(16))
  }

  @Test func aPinIsKeptMeanwhile() {
    var script = frozen()
    script.send(.pinned(true))
    script.send(.ignoredCame, after: .seconds(50))
    script.reachDeadline()
    script.answer { $0.accepted = 1 }
    #expect(script.isRunning)
    #expect(script.reports.isEmpty)
    #expect(script.lifecycle.deadline == nil)
  }

  @Test(arguments: [Event.ignoredCame, .dataArrived])
  func whileItIsBeingFrozenTheyAreNoOthers(event: Event) {
    var script = frozen()
    script.send(.startRequested)
    while !script.asksToFreeze {
      script.reachDeadline()
      script.answer { $0.accepted = 1 }
    }
    script.send(event)
    #expect(script.isRunning)
    script = frozen()
    script.send(.restRequested)
    script.send(.nextOpened)
    #expect(script.send(event).contains(.thaw))
    #expect(script.isReturning)
  }

  /// Not the rest of its idle time.
  @Test(arguments: [Event.deadlineReached, .ignoredCame])
  func whatWasAskedToSleepSleepsAgain(event: Event) {
    var script = frozen(isAsked: true, wakeAfter: .seconds(2))
    script.send(event, after: .seconds(2))
    let thawed = script.now
    #expect(script.isRunning)
    script.reachDeadline()
    script.answer { $0.accepted = 1 }
    #expect(script.asksToFreeze)
    #expect(script.now.since(thawed) <= .seconds(1))
  }

  @Test func theMinimumUptimeIsKept() {
    var script = frozen(isAsked: true) { $0.minimumUptime = .seconds(10) }
    script.send(.ignoredCame, after: .seconds(2))
    let thawed = script.now
    while script.isRunning {
      script.reachDeadline()
      script.answer { $0.accepted = 1 }
    }
    #expect(script.now.since(thawed) >= .seconds(7))
    #expect(script.now.since(thawed) <= .seconds(9))
  }

  @Test func aRestThatIsGivenUpWasUsed() {
    var script = frozen()
    script.send(.restRequested)
    script.send(.nextUnavailable)
    #expect(script.isRunning)
    let givenUp = script.now
    while script.isRunning {
      script.reachDeadline()
      script.answer { $0.accepted = 1 }
    }
    #expect(script.now.since(givenUp) >= .seconds(16))
  }

  /// Else a timer of its own would end a service at once that was held for longer than it may be frozen.
  @Test func itsTimeBeginsAnewWhenAPinEnds() {
    var script = frozen(wakeAfter: .seconds(1_100))
    script.send(.pinned(true))
    script.send(.pinned(false), after: .seconds(1_000))
    let released = script.now
    script.reachDeadline()
    #expect(script.isRunning)
    script.reachDeadline()
    script.answer { $0.accepted = 1 }
    sleep(&script)
    #expect(script.lifecycle.deadline == released.advanced(by: .seconds(150)))
    guard case .frozen(let state) = script.lifecycle.state else { return #expect(Bool(false)) }
    #expect(state.stopAt == script.lifecycle.deadline)
  }

  /// Where it may be killed it is, while it is frozen; and nobody's connection stays open for it.
  @Test func whatIsKilledInItsSleepHasNoConnectionLeft() {
    var script = frozen {
      $0.sockets = [.fixed, .tcp]
      $0.mayKill = true
    }
    script.reachDeadline()
    script.send(.nextOpened)
    script.passBarrier()
    script.answer { $0.accepted = 1 }
    script.answerQueues()
    #expect(script.answer { $0.accepted = 1 } == [.releaseConnections, .killAll])
  }
}
