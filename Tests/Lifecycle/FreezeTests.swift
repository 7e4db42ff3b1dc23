import Lifecycle
import Testing

@Suite struct FreezeTests {
  private func script(stopAfter: Duration? = nil) -> Script {
    Script {
      $0.rest = .freeze
      $0.canFreeze = true
      $0.stopAfterFrozen = stopAfter
    }
  }

  /// One connection is open and silent, and everything is frozen.
  private func frozen(stopAfter: Duration? = nil, wakeAfter: Duration? = nil) -> Script {
    var script = script(stopAfter: stopAfter)
    script.run()
    repeat {
      script.reachDeadline()
      script.answer { $0.accepted = 1 }
    } while script.isRunning
    script.freeze()
    script.hold(wakeAfter: wakeAfter)
    script.answer { $0.accepted = 1 }
    return script
  }

  @Test func silentConnectionsDoNotKeepItAwake() {
    let script = frozen()
    #expect(script.actions == [.releaseMemory, .report(.frozen), .arm])
    #expect(script.lifecycle.deadline == nil)
  }

  @Test(arguments: [Event.connectionWaiting, .dataArrived, .startRequested])
  func whatComesThawsIt(event: Event) {
    var script = frozen()
    let actions = script.send(event, after: .seconds(100))
    #expect(actions.prefix(3) == [.disarm, .releaseConnections, .thaw])
    #expect(script.reports == [.thawed(after: .seconds(100))])
    #expect(script.isRunning)
    // It is idle from now on.
    script.reachDeadline()
    script.answer { $0.accepted = 1 }
    #expect(script.isRunning)
  }

  @Test func aRequestReadJustBeforeIsAnsweredFirst() {
    var script = script()
    script.run()
    repeat {
      script.reachDeadline()
      script.answer { $0.accepted = 1 }
    } while script.isRunning
    script.freeze()
    script.hold()
    let now = script.now
    script.answer {
      $0.accepted = 1
      $0.lastUse = now
    }
    #expect(script.actions.prefix(2) == [.releaseConnections, .thaw])
    #expect(script.isRunning)
  }

  @Test(arguments: [Event.dataArrived, .startRequested])
  func whatComesWhileItIsBeingFrozenIsAReasonNotTo(event: Event) {
    var script = script()
    script.run()
    repeat {
      script.reachDeadline()
      script.answer { $0.accepted = 1 }
    } while script.isRunning
    #expect(script.asksToFreeze)
    #expect(script.send(event).prefix(1) == [.thaw])
    #expect(script.reports == [.restAborted(strays: 0)])
    #expect(script.isRunning)
  }

  @Test func aConnectionBetweenQueueAndHandThawsIt() {
    var script = script()
    script.run()
    repeat {
      script.reachDeadline()
      script.answer()
    } while script.isRunning
    script.freeze()
    script.hold()
    script.answer { $0.queuedOnCurrent = [9] }
    #expect(script.actions.prefix(2) == [.releaseConnections, .thaw])
  }

  @Test func itsOwnTimersAreKept() {
    var script = frozen(wakeAfter: .seconds(75))
    #expect(script.lifecycle.deadline == script.now.advanced(by: .seconds(75)))
    script.reachDeadline()
    #expect(script.actions.prefix(3) == [.disarm, .releaseConnections, .thaw])
    // Nobody has used it: after a moment it is frozen again.
    let thawed = script.now
    script.reachDeadline()
    #expect(script.now.since(thawed) == .milliseconds(100))
    script.answer { $0.accepted = 1 }
    #expect(script.asksToFreeze)
  }

  @Test func housekeepingWaits() {
    var script = frozen(wakeAfter: .milliseconds(100))
    for _ in 0..<3 {
      #expect(script.lifecycle.deadline != nil)
      script.reachDeadline()
      script.reachDeadline()
      script.answer { $0.accepted = 1 }
      script.freeze()
      script.hold(wakeAfter: .milliseconds(100))
      script.answer { $0.accepted = 1 }
    }
    #expect(script.actions.last == .arm)
    #expect(script.lifecycle.deadline == nil)
  }

  @Test func itsOwnTimersDoNotPutOffItsEnd() {
    var script = frozen(stopAfter: .seconds(150), wakeAfter: .seconds(75))
    let begin = script.now
    // Twice: the second time is later than its end.
    script.reachDeadline()
    script.reachDeadline()
    script.answer { $0.accepted = 1 }
    script.freeze()
    script.hold(wakeAfter: .seconds(75))
    script.answer { $0.accepted = 1 }
    script.reachDeadline()
    #expect(script.now.since(begin) == .seconds(150))
    #expect(script.actions == [.disarm, .openNext(sockets: [0])])
  }

  @Test func frozenForLongItIsStoppedAndThenThawed() {
    var script = frozen(stopAfter: .seconds(3_600))
    script.reachDeadline()
    #expect(script.actions == [.disarm, .openNext(sockets: [0])])
    script.send(.nextOpened)
    script.passBarrier()
    script.answer { $0.accepted = 1 }
    script.answerQueues()
    // Told to end before it runs again, so that it does nothing else.
    #expect(script.answer { $0.accepted = 1 } == [.terminateMain, .releaseConnections, .thaw])
  }

  @Test func whoComesWhileItIsStoppedThawsIt() {
    var script = frozen(stopAfter: .seconds(3_600))
    script.reachDeadline()
    script.send(.nextOpened)
    script.passBarrier()
    let actions = script.send(.dataArrived)
    #expect(actions.prefix(3) == [.releaseConnections, .thaw, .steer(.current)])
  }

  @Test func whatCannotBeFrozenRuns() {
    var script = script()
    script.run()
    repeat {
      script.reachDeadline()
      script.answer()
    } while script.isRunning
    script.failFreeze()
    #expect(script.actions.first == .thaw)
    #expect(script.reports == [.restImpossible(retryIn: .seconds(16))])
    #expect(script.isRunning)
  }

  @Test func aFreezeThatTakesTooLongIsGivenUp() {
    var script = script()
    script.run()
    repeat {
      script.reachDeadline()
      script.answer()
    } while script.isRunning
    script.reachDeadline()
    #expect(script.actions.first == .thaw)
    #expect(script.isRunning)
  }

  @Test func oneThatMayBeKilledIsLookedAtWhileFrozen() {
    var script = Script {
      $0.sockets = [.fixed]
      $0.mayKill = true
      $0.canFreeze = true
    }
    script.run()
    repeat {
      script.reachDeadline()
      script.answer()
    } while script.isRunning
    // Nothing can be steered: straight to the look in hand, and to the freeze.
    script.answer()
    #expect(script.asksToFreeze)
    script.freeze()
    #expect(script.answer() == [.killAll])
    script.send(.mainExited(.signalled(9, dumpedCore: false), hasSuccessor: false))
    script.send(.allProcessesGone)
    #expect(script.isDormant)
  }

  @Test func oneThatMayBeKilledIsThawedForAVisitor() {
    var script = Script {
      $0.sockets = [.fixed]
      $0.mayKill = true
      $0.canFreeze = true
    }
    script.run()
    repeat {
      script.reachDeadline()
      script.answer()
    } while script.isRunning
    script.answer()
    script.freeze()
    script.answer { $0.queuedOnCurrent = [3] }
    #expect(script.actions.first == .thaw)
    #expect(script.isRunning)
  }
}
