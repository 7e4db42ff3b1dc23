import Lifecycle
import enum Lifecycle.ExitStatus
import Testing

/// What the owner asks for.
@Suite struct RequestTests {
  // MARK: rest

  @Test func aRestThatIsAskedForDoesNotWait() {
    var script = Script.running()
    script.send(.restRequested, after: .seconds(1))
    // What has closed before is over.
    script.answer { $0.hasClosed = true }
    #expect(script.actions == [.report(.resting(idle: .seconds(1))), .openNext(sockets: [0])])
    script.send(.nextOpened)
    script.passBarrier()
    script.answer()
    script.answerQueues()
    script.answer()
    #expect(script.isStopping)
  }

  @Test func aRestThatIsAskedForIsGivenUpForWhoeverIsThere() {
    var script = Script.running()
    script.send(.restRequested)
    script.answer { $0.accepted = 1 }
    #expect(script.reports == [.restAborted(strays: 0)])
    #expect(script.isRunning)
    script.send(.restRequested)
    script.answer()
    script.send(.nextOpened)
    script.passBarrier()
    script.answer { $0.hasClosed = true }
    #expect(script.isReturning)
  }

  @Test func whatCannotBeSeenIsNotPutToRest() {
    var script = Script.running()
    script.send(.restRequested)
    script.failSample()
    #expect(script.reports == [.restAborted(strays: 0)])
    #expect(script.isRunning)
  }

  /// It was looked at for that, and the answer came later.
  @Test func whoIsThereWhenARestIsNoLongerAskedForHasUsedIt() {
    var script = Script.running()
    script.send(.restRequested)
    let look = script.actions
    guard case .sample(let query) = look.last else { return #expect(Bool(false), "not looked at") }
    script.send(.pinned(true))
    script.send(.pinned(false))
    var sample = Sample()
    sample.unreadDatagrams = 1
    script.send(.sampled(query, sample), after: .milliseconds(500))
    let use = script.now
    while script.isRunning {
      script.reachDeadline()
      script.answer()
    }
    #expect(script.now.since(use) >= .seconds(16))
  }

  @Test func oneThatStartsRestsAsSoonAsItIsReady() {
    var script = Script()
    script.send(.startRequested)
    script.send(.spawned)
    script.answer()
    #expect(script.send(.restRequested).isEmpty)
    script.send(.adopted(socket: 0))
    script.answer()
    #expect(script.actions.last == .openNext(sockets: [0]))
  }

  @Test func oneThatIsFrozenIsStopped() {
    var script = frozen()
    #expect(script.send(.restRequested) == [.disarm, .openNext(sockets: [0])])
  }

  @Test func oneThatIsBeingFrozenIsStoppedThen() {
    var script = Script {
      $0.rest = .freeze
      $0.canFreeze = true
    }
    script.run()
    script.send(.restRequested)
    script.answer()
    #expect(script.asksToFreeze)
    let freeze = script.actions
    script.send(.restRequested)
    guard case .freeze(let query) = freeze.last else { return #expect(Bool(false), "not frozen") }
    script.send(.frozen(query))
    script.hold()
    #expect(script.answer() == [.openNext(sockets: [0])])
  }

  /// Though it was asked for before, too.
  @Test func oneThatIsCheckedSleepsAsAnyOther() {
    var script = Script {
      $0.rest = .freeze
      $0.canFreeze = true
    }
    script.send(.verifyRequested)
    script.send(.spawned)
    script.answer()
    script.send(.restRequested)
    script.send(.adopted(socket: 0))
    #expect(script.reports.last == .readyToVerify(after: .zero))
    script.send(.pinned(true))
    script.send(.verificationEnded)
    script.send(.pinned(false))
    while !script.asksToFreeze {
      script.reachDeadline()
      script.answer()
    }
    script.freeze()
    script.hold()
    #expect(script.answer().last == .arm)
  }

  @Test func oneThatIsBeingFrozenIsToldOfWhateverEndsThat() {
    var script = Script {
      $0.rest = .freeze
      $0.canFreeze = true
    }
    script.run()
    script.send(.restRequested)
    script.answer()
    script.send(.restRequested)
    script.send(.listenerShutDown(socket: 0))
    #expect(script.reports == [.listenerShutDown(socket: 0), .restAborted(strays: 0)])
    #expect(script.isRunning)
  }

  @Test func aDormantOneHasNothingToDo() {
    var script = Script()
    #expect(script.send(.restRequested).isEmpty)
    #expect(script.isDormant)
  }

  @Test(arguments: [true, false])
  func aWaitAfterAFailureEndsIfNobodyWaits(isWaitedFor: Bool) {
    var script = Script()
    script.wake()
    script.send(.allProcessesGone)
    script.send(.mainExited(.exited(code: 1), hasSuccessor: false))
    script.answer { $0.queuedOnCurrent = [7] }
    let until = script.lifecycle.deadline
    script.send(.restRequested, after: .milliseconds(10))
    script.answer { if isWaitedFor { $0.queuedOnCurrent = [7] } }
    #expect(script.isDormant == !isWaitedFor)
    #expect(script.reports == [isWaitedFor ? .restAborted(strays: 0) : .dormant])
    if isWaitedFor { #expect(script.lifecycle.deadline == until) }
  }

  // MARK: pins

  @Test func aPinnedServiceIsNotEvenLookedAt() {
    var script = Script.running()
    script.send(.pinned(true))
    #expect(script.lifecycle.deadline == nil)
    script.send(.restRequested)
    #expect(script.reports == [.restAborted(strays: 0)])
    script.send(.pinned(false), after: .seconds(10_000))
    let released = script.now
    while script.isRunning {
      script.reachDeadline()
      script.answer()
    }
    #expect(script.now.since(released) >= .seconds(16))
    #expect(script.now.since(released) <= .seconds(18))
  }

  @Test func pinningStartsNothing() {
    var script = Script()
    #expect(script.send(.pinned(true)).isEmpty)
    #expect(script.isDormant)
  }

  @Test func aPinEndsADrain() {
    var script = Script()
    script.drain()
    #expect(script.send(.pinned(true)).first == .steer(.current))
  }

  @Test func aPinnedServiceStaysFrozenAsLongAsNobodyComes() {
    var script = frozen(stopAfter: .seconds(100))
    script.send(.pinned(true))
    #expect(script.lifecycle.deadline == nil)
    script.send(.pinned(false), after: .seconds(1_000))
    #expect(script.lifecycle.deadline == script.now.advanced(by: .seconds(100)))
  }

  @Test func aPinOutlivesTheManager() {
    var script = Script.running()
    script.send(.pinned(true))
    script.succeed(hasProcesses: true, hasNext: false)
    #expect(script.lifecycle.isPinned)
    #expect(script.lifecycle.deadline == nil)
  }

  @Test func whatSaysThatItIsBusyIs() {
    var script = Script.running()
    script.send(.busySaid(true))
    #expect(script.lifecycle.deadline == nil)
    script.succeed(hasProcesses: true, hasNext: false)
    #expect(script.lifecycle.deadline == nil)
    script.send(.busySaid(false), after: .seconds(100))
    #expect(script.lifecycle.deadline != nil)
    script.drainFromRunning()
    #expect(script.send(.busySaid(true)).first == .steer(.current))
  }

  // MARK: senses

  @Test func workWithoutConnectionsIsAUse() {
    var script = Script.running { $0.looksRegularly = true }
    for _ in 0..<100 {
      script.reachDeadline()
      script.answer { $0.isAtWork = true }
      #expect(script.isRunning)
    }
    let last = script.now
    var looks = 0
    while script.isRunning {
      script.reachDeadline()
      script.answer()
      looks += 1
    }
    #expect(looks > 14, "what nothing announces is looked for")
    #expect(script.now.since(last) >= .seconds(16))
    script.send(.nextOpened)
    script.passBarrier()
    script.answer()
    script.answerQueues()
    script.answer { $0.isAtWork = true }
    #expect(script.isReturning)
  }

  @Test func servicesWithTheSameTimeoutAreLookedAtTogether() {
    var script = Script.running()
    for _ in 0..<3 {
      script.reachDeadline()
      #expect(script.now.nanoseconds % 1_000_000_000 == 0)
      script.answer { $0.accepted = 1 }
    }
  }

  private func frozen(stopAfter: Duration? = nil) -> Script {
    var script = Script {
      $0.rest = .freeze
      $0.canFreeze = true
      $0.stopAfterFrozen = stopAfter
    }
    script.becomeIdle()
    script.freeze()
    script.hold()
    script.answer()
    return script
  }
}
