import Lifecycle
import enum Lifecycle.ExitStatus
import Testing

/// What follows an end, and what the service says of its own.
@Suite struct RetryTests {
  private func ended(
    _ status: ExitStatus, after: Duration = .seconds(20), configure: (inout Lifecycle.Configuration) -> Void
  ) -> Script {
    var script = Script(configure: configure)
    script.run()
    script.reachDeadline()
    script.answer { $0.hasClosed = true }
    script.send(.allProcessesGone, after: after)
    script.send(.mainExited(status, hasSuccessor: false))
    script.answer()
    return script
  }

  private static let crash = ExitStatus.signalled(11, dumpedCore: true)

  /// systemd.service(5), table 1.
  @Test(
    arguments: [
      (.no, .exited(code: 0), false), (.always, .exited(code: 0), true), (.onSuccess, .exited(code: 0), true),
      (.onFailure, .exited(code: 0), false), (.onSuccess, .exited(code: 3), false),
      (.onFailure, .exited(code: 3), true),
      (.onAbnormal, .exited(code: 3), false), (.onAbnormal, crash, true), (.onAbort, crash, true),
      (.onWatchdog, crash, false), (.always, crash, true), (.no, crash, false),
      (.onFailure, .signalled(15, dumpedCore: false), false),
    ] as [(Restart, ExitStatus, Bool)])
  func thePolicyDecidesWhetherItIsStartedForNobody(restart: Restart, status: ExitStatus, isStarted: Bool) {
    var script = ended(status) { $0.restart = restart }
    if script.lifecycle.deadline != nil {
      script.reachDeadline()
      script.answer()
    }
    #expect(script.actions.contains(.spawn) == isStarted)
    #expect(script.isDormant == !isStarted)
  }

  @Test func aRestartWaits() {
    var script = ended(.exited(code: 0)) {
      $0.restart = .always
      $0.restartDelay = .seconds(3)
    }
    #expect(script.reports.last == .restarting(in: .seconds(3)))
    #expect(script.lifecycle.deadline == script.now.advanced(by: .seconds(3)))
    // It is asked not to be.
    script.send(.restRequested)
    script.answer()
    #expect(script.isDormant)
  }

  @Test func oneThatEndsAtOnceAgainAndAgainIsStartedLessOften() {
    var script = Script { $0.restart = .always }
    script.send(.startRequested)
    var delays: [Duration] = []
    for _ in 0..<4 {
      script.send(.spawned)
      script.answer()
      script.send(.allProcessesGone)
      script.send(.mainExited(.exited(code: 0), hasSuccessor: false))
      script.answer()
      for case .restarting(let delay) in script.reports { delays.append(delay) }
      script.reachDeadline()
      script.answer()
    }
    #expect(delays == [.milliseconds(100), .seconds(1), .seconds(2), .seconds(4)])
  }

  @Test func whoeverWaitsIsNotMadeToWait() {
    var script = Script { $0.restart = .always }
    script.run()
    script.reachDeadline()
    script.answer { $0.hasClosed = true }
    script.send(.allProcessesGone)
    script.send(.mainExited(.exited(code: 0), hasSuccessor: false))
    script.answer {
      $0.queuedOnCurrent = [9]
      $0.acceptQueueLength = 1
    }
    #expect(script.actions.last == .arm)
  }

  @Test func aRestartIsRemembered() {
    var script = ended(.exited(code: 0)) { $0.restart = .always }
    script.succeed(hasProcesses: false, hasNext: false)
    script.reachDeadline()
    #expect(script.answer().contains(.spawn))
  }

  // MARK: limits

  private func fail(_ script: inout Script) {
    script.send(.spawned)
    script.answer { $0.queuedOnCurrent = [7] }
    script.send(.allProcessesGone)
    script.send(.mainExited(.exited(code: 1), hasSuccessor: false))
    script.answer { $0.queuedOnCurrent = [7] }
  }

  @Test func theStartLimitIsToldOnceAndThePortLives() {
    var script = Script { $0.startLimit = Lifecycle.Configuration.Limit(count: 3, interval: .seconds(10)) }
    script.send(.connectionWaiting)
    var told: [Report] = []
    var waits: [Duration] = []
    for _ in 0..<6 {
      fail(&script)
      told += script.reports.filter { $0 == .startLimitHit(retryIn: .seconds(60)) }
      waits.append(script.lifecycle.deadline?.since(script.now) ?? .zero)
      script.reachDeadline()
      script.answer { $0.queuedOnCurrent = [7] }
      #expect(script.actions.contains(.spawn))
    }
    #expect(told.count == 1)
    #expect(waits == [.seconds(1), .seconds(2), .seconds(60), .seconds(60), .seconds(60), .seconds(60)])
  }

  @Test func slowFailuresAreWithinTheLimit() {
    var script = Script { $0.startLimit = Lifecycle.Configuration.Limit(count: 3, interval: .seconds(2)) }
    script.send(.connectionWaiting)
    for _ in 0..<3 {
      fail(&script)
      script.reachDeadline()
      script.answer { $0.queuedOnCurrent = [7] }
    }
    fail(&script)
    #expect(script.lifecycle.deadline?.since(script.now) == .seconds(8))
  }

  @Test func wakesForNobodyAreLimited() {
    var script = Script(idle: .seconds(1)) {
      $0.triggerLimit = Lifecycle.Configuration.Limit(count: 2, interval: .seconds(60))
    }
    script.restUnused()
    #expect(script.isDormant)
    script.restUnused()
    #expect(script.reports.last == .triggerLimitHit(retryIn: .seconds(60)))
    #expect(script.isBackingOff)
    script.reachDeadline()
    script.answer()
    #expect(script.isDormant)
  }

  // MARK: the service's word

  @Test func oneWhoseWatchdogExpiresIsKilledInTheEnd() {
    var script = Script()
    script.run()
    #expect(script.send(.watchdogExpired).isEmpty, "it has got its signal")
    script.reachDeadline()
    #expect(script.actions == [.killAll, .report(.stopTimedOut(after: .seconds(90)))])
    script.send(.allProcessesGone)
    script.send(.mainExited(.signalled(9, dumpedCore: false), hasSuccessor: false))
    script.answer()
    #expect(script.reports == [.failed(.watchdog, waiting: 0, retryIn: .seconds(1))])
  }

  @Test func aWatchdogInADrainBringsTheQueuesTogetherFirst() {
    var script = Script { $0.restart = .onWatchdog }
    script.drain()
    #expect(script.send(.watchdogExpired).first == .steer(.current))
    script.passBarrier()
    script.answer()
    script.send(.nextClosed(strays: 1))
    #expect(script.isStopping)
    script.send(.allProcessesGone)
    script.send(.mainExited(.signalled(6, dumpedCore: true), hasSuccessor: false))
    script.answer()
    #expect(script.reports == [.failed(.watchdog, waiting: 0, retryIn: .seconds(1))])
    script.reachDeadline()
    #expect(script.answer().contains(.spawn))
  }

  @Test func aStartTakesAsLongAsItSays() {
    var script = Script(readiness: .notify)
    script.wake()
    script.send(.timeoutExtended(.seconds(200)), after: .seconds(50))
    #expect(script.lifecycle.deadline == script.now.advanced(by: .seconds(200)))
    script.send(.timeoutExtended(.seconds(1)))
    #expect(script.lifecycle.deadline == script.now.advanced(by: .seconds(200)), "never earlier")
    script.send(.timeoutExtended(.seconds(1_000_000_000_000)))
    #expect(script.lifecycle.deadline == script.now.advanced(by: .seconds(86_400)))
  }

  @Test func aStopTakesAsLongAsItSays() {
    var script = Script()
    script.rest()
    script.send(.timeoutExtended(.seconds(200)), after: .seconds(50))
    #expect(script.lifecycle.deadline == script.now.advanced(by: .seconds(200)))
    script.reachDeadline()
    #expect(script.reports == [.stopTimedOut(after: .seconds(250))])
    script.send(.timeoutExtended(.seconds(200)))
    #expect(script.lifecycle.deadline?.since(script.now) == .seconds(1), "killed is killed")
  }

  @Test func oneThatLeavesByItselfHasTheTimeOfAStop() {
    var script = Script()
    script.run()
    script.reachDeadline()
    script.answer { $0.hasClosed = true }
    #expect(script.send(.notifiedStopping).isEmpty)
    #expect(script.lifecycle.deadline == script.now.advanced(by: .seconds(90)))
    script.send(.mainExited(.exited(code: 0), hasSuccessor: false), after: .seconds(10))
    #expect(script.actions == [.terminateAll])
    script.send(.allProcessesGone)
    script.answer { $0.queuedOnCurrent = [9] }
    #expect(script.isDormant)
  }

  @Test func leavingWithAnErrorIsAFailure() {
    var script = Script()
    script.run()
    script.send(.notifiedStopping)
    script.send(.allProcessesGone)
    script.send(.mainExited(.exited(code: 1), hasSuccessor: false))
    script.answer()
    #expect(script.reports == [.failed(.died(.exited(code: 1)), waiting: 0, retryIn: .seconds(1))])
  }

  // MARK: KillMode

  @Test func whatIsNotOursIsLeftAlone() {
    var script = Script { $0.killMode = .process }
    script.rest()
    script.send(.mainExited(.exited(code: 0), hasSuccessor: false))
    #expect(script.isDormant)
    script.run()
    script.send(.mainExited(.exited(code: 0), hasSuccessor: false), after: .seconds(20))
    #expect(!script.actions.contains(.terminateAll))
  }

  @Test func whatOutlivesItsMainProcessIsKilledAtOnceIfMixed() {
    var script = Script { $0.killMode = .mixed }
    script.rest()
    #expect(script.send(.mainExited(.exited(code: 0), hasSuccessor: false)) == [.killAll])
    script.send(.allProcessesGone)
    #expect(script.isDormant)
    script.run()
    #expect(script.send(.mainExited(.exited(code: 1), hasSuccessor: false), after: .seconds(20)) == [.killAll])
  }
}
