import Lifecycle
import enum Lifecycle.ExitStatus
import Testing

/// What the owner asks for.
@Suite struct RequestTests {
  private func running(configure: (inout Lifecycle.Configuration) -> Void = { _ in }) -> Script {
    var script = Script(configure: configure)
    script.run()
    return script
  }

  // MARK: rest

  @Test func aRestThatIsAskedForDoesNotWait() {
    var script = running()
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
    var script = running()
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
    var script = running()
    script.send(.restRequested)
    script.failSample()
    #expect(script.reports == [.restAborted(strays: 0)])
    #expect(script.isRunning)
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
    var script = running()
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
    var script = running()
    script.send(.pinned(true))
    script.succeed(hasProcesses: true, hasNext: false)
    #expect(script.lifecycle.isPinned)
    #expect(script.lifecycle.deadline == nil)
  }

  @Test func whatSaysThatItIsBusyIs() {
    var script = running()
    script.send(.busySaid(true))
    #expect(script.lifecycle.deadline == nil)
    script.succeed(hasProcesses: true, hasNext: false)
    #expect(script.lifecycle.deadline == nil)
    script.send(.busySaid(false), after: .seconds(100))
    #expect(script.lifecycle.deadline != nil)
    script.drainFromRunning()
    #expect(script.send(.busySaid(true)).first == .steer(.current))
  }

  // MARK: verification

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
    var script = running()
    #expect(script.send(.verifyRequested).isEmpty)
    #expect(script.send(.verificationEnded).isEmpty)
    #expect(script.isRunning)
  }

  // MARK: configuration

  @Test func anotherTimeoutAppliesFromNowOn() {
    var script = running()
    var configuration = script.lifecycle.configuration
    configuration.idleTimeout = .seconds(1_600)
    script.send(.reconfigured(configuration))
    let begin = script.now
    while script.isRunning {
      script.reachDeadline()
      script.answer()
    }
    #expect(script.now.since(begin) > .seconds(1_500))
  }

  @Test func duringARestEverythingStaysAsItIs() {
    var script = Script()
    script.becomeIdle()
    var configuration = script.lifecycle.configuration
    configuration.drainTimeout = .seconds(1)
    script.send(.reconfigured(configuration))
    script.send(.nextOpened)
    script.passBarrier()
    #expect(script.lifecycle.configuration.drainTimeout == .milliseconds(50))
    script.answer()
    script.answerQueues()
    script.answer()
    #expect(script.lifecycle.configuration.drainTimeout == .seconds(1))
  }

  /// A database that recovers at its start, and says how long that takes.
  @Test(arguments: [true, false])
  func aStartThatWasExtendedStaysSo(isReloaded: Bool) {
    var script = Script()
    script.wake()
    script.send(.timeoutExtended(.seconds(600)), after: .seconds(60))
    let end = script.now.advanced(by: .seconds(600))
    var configuration = script.lifecycle.configuration
    configuration.idleTimeout = .seconds(60)
    script.send(isReloaded ? .reconfigured(configuration) : .canFreezeChanged(false), after: .seconds(100))
    #expect(script.lifecycle.configuration.idleTimeout == (isReloaded ? .seconds(60) : .seconds(16)))
    while let due = script.lifecycle.deadline, due < end {
      script.reachDeadline()
      script.answerQueues(current: 1)
      guard !script.isStopping else { break }
    }
    #expect(!script.isStopping)
    #expect(script.lifecycle.deadline.map { $0 >= end } ?? false)
    // Another limit is another.
    configuration.startTimeout = .seconds(300)
    script.send(.reconfigured(configuration))
    #expect(script.lifecycle.deadline == script.now)
  }

  @Test func otherSocketsAreAnotherService() {
    var script = running()
    var configuration = script.lifecycle.configuration
    configuration.sockets = [.tcp, .tcp]
    script.send(.reconfigured(configuration))
    #expect(script.lifecycle.configuration.sockets == [.tcp])
  }

  @Test func whatCannotBeFrozenAnyMoreIsStopped() {
    var script = Script {
      $0.rest = .freeze
      $0.canFreeze = true
    }
    script.run()
    script.send(.canFreezeChanged(false))
    script.send(.restRequested)
    #expect(script.answer { $0.accepted = 1 } == [.recordCloses, .report(.restAborted(strays: 0))])
    script.send(.restRequested)
    #expect(script.answer().last == .openNext(sockets: [0]))
  }

  @Test func aServiceHasItsMinimumUptime() {
    var script = Script(idle: .seconds(1)) { $0.minimumUptime = .seconds(10) }
    script.run()
    let ready = script.now
    while script.isRunning {
      script.reachDeadline()
      script.answer()
    }
    #expect(script.now.since(ready) >= .seconds(10))
    #expect(script.now.since(ready) < .seconds(10.2))
  }

  // MARK: senses

  @Test func workWithoutConnectionsIsAUse() {
    var script = running { $0.looksRegularly = true }
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
    var script = running()
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
