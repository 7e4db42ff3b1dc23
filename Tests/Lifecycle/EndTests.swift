import Lifecycle
import enum Lifecycle.ExitStatus
import Testing

/// How a service is ended that takes or runs too long, and after which ends it is started again.
@Suite struct EndTests {
  /// Ends by itself, with nobody waiting.
  private func end(_ script: inout Script, _ status: ExitStatus, excused: Bool = false) {
    if excused { script.send(.exitExcused(status)) }
    script.send(.mainExited(excused ? .exited(code: 0) : status, hasSuccessor: false), after: .seconds(1))
    script.send(.allProcessesGone)
    script.answer { $0.hasClosed = true }
  }

  private func isStartedAgain(_ script: inout Script) -> Bool {
    guard script.isBackingOff else { return false }
    script.reachDeadline()
    script.answer()
    return script.actions.contains(.spawn)
  }

  // MARK: restarts

  @Test(arguments: [Restart.no, .onFailure, .always])
  func anEndThatForbidsItIsNotFollowedByAStart(restart: Restart) {
    for status in [ExitStatus.exited(code: 3), .signalled(6, dumpedCore: true)] {
      var script = Script.running {
        $0.restart = restart
        $0.restartPreventing = EndStatuses(codes: [3], signals: [6])
        $0.restartForcing = EndStatuses(codes: [3], signals: [6])
      }
      end(&script, status)
      #expect(!isStartedAgain(&script), "\(status)")
    }
  }

  @Test(arguments: [Restart.no, .onWatchdog, .onSuccess])
  func anEndThatDemandsItIsFollowedByAStart(restart: Restart) {
    var script = Script.running {
      $0.restart = restart
      $0.restartForcing = EndStatuses(codes: [3])
    }
    end(&script, .exited(code: 3))
    #expect(isStartedAgain(&script))
  }

  /// As syncthing has it: SuccessExitStatus=3 4 and RestartForceExitStatus=3 4.
  @Test func anEndIsWhatItWasThoughItIsTakenForASuccess() {
    var script = Script.running { $0.restartForcing = EndStatuses(codes: [3]) }
    end(&script, .exited(code: 3), excused: true)
    #expect(isStartedAgain(&script))
    #expect(script.lifecycle.failures == 0)
    script = Script.running {
      $0.restart = .always
      $0.restartPreventing = EndStatuses(codes: [3])
    }
    end(&script, .exited(code: 3), excused: true)
    #expect(script.isDormant)
  }

  @Test func whoWaitsIsServedWhateverForbidsAStart() {
    var script = Script.running { $0.restartPreventing = EndStatuses(codes: [3]) }
    script.send(.mainExited(.exited(code: 3), hasSuccessor: false))
    script.send(.allProcessesGone)
    script.answer { $0.queuedOnCurrent = [8] }
    script.reachDeadline()
    script.answer { $0.queuedOnCurrent = [8] }
    #expect(script.actions.contains(.spawn))
  }

  // MARK: time

  @Test func oneThatHasRunForAsLongAsItMayIsEnded() {
    var script = Script.running {
      $0.idleTimeout = nil
      $0.runtimeMax = .seconds(100)
    }
    let readyAt = script.now
    #expect(script.reachDeadline() == [.terminateMain])
    #expect(script.now.since(readyAt) == .seconds(100))
    script.send(.mainExited(.exited(code: 0), hasSuccessor: false))
    script.send(.allProcessesGone)
    script.answer()
    guard case .failed(.ranTooLong(after: .seconds(100)), 0, _) = script.reports.first else {
      return #expect(Bool(false), "\(script.reports)")
    }
  }

  @Test func itMayAskForMoreTime() {
    var script = Script.running {
      $0.idleTimeout = nil
      $0.runtimeMax = .seconds(100)
    }
    let readyAt = script.now
    script.send(.timeoutExtended(.seconds(60)), after: .seconds(90))
    #expect(script.reachDeadline() == [.terminateMain])
    #expect(script.now.since(readyAt) == .seconds(150))
  }

  @Test func anotherLimitCountsFromTheSameMoment() {
    var script = Script.running { $0.idleTimeout = nil }
    let readyAt = script.now
    #expect(script.lifecycle.deadline == nil)
    var configuration = script.lifecycle.configuration
    configuration.runtimeMax = .seconds(100)
    script.send(.reconfigured(configuration), after: .seconds(40))
    #expect(script.lifecycle.deadline == readyAt.advanced(by: .seconds(100)))
    configuration.runtimeMax = nil
    script.send(.reconfigured(configuration))
    #expect(script.lifecycle.deadline == nil)
  }

  // MARK: too late

  private func startTimesOut(_ mode: TimeoutMode) -> Script {
    var script = Script(readiness: .notify) {
      $0.startTimeoutMode = mode
      $0.abortTimeout = .seconds(7)
    }
    script.wake()
    script.reachDeadline()
    return script
  }

  @Test func aStartThatTakesTooLongIsEndedAsItsOwnerWants() {
    #expect(startTimesOut(.terminate).actions == [.terminateMain])
    #expect(startTimesOut(.kill).actions == [.killAll])
    var script = startTimesOut(.abort)
    #expect(script.actions == [.abortMain])
    let aborted = script.now
    #expect(script.reachDeadline() == [.killAll, .report(.stopTimedOut(after: .seconds(7)))])
    #expect(script.now.since(aborted) == .seconds(7))
    script.send(.mainExited(.signalled(9, dumpedCore: false), hasSuccessor: false))
    script.send(.allProcessesGone)
    script.answer()
    #expect(script.reports.first == .failed(.startTimedOut(after: .seconds(90)), waiting: 0, retryIn: .seconds(1)))
  }

  @Test func aStopThatTakesTooLongIsAbortedOnce() {
    var script = Script {
      $0.stopTimeoutMode = .abort
      $0.abortTimeout = .seconds(7)
    }
    script.rest()
    #expect(script.reachDeadline() == [.abortMain])
    #expect(script.reachDeadline() == [.killAll, .report(.stopTimedOut(after: .seconds(97)))])
    #expect(script.reachDeadline() == [.killAll])
  }

  @Test func theWatchdogsSignalHasItsOwnTime() {
    var script = Script.running {
      $0.abortTimeout = .seconds(7)
      $0.stopTimeoutMode = .abort
    }
    script.send(.watchdogExpired)
    let aborted = script.now
    #expect(script.reachDeadline() == [.killAll, .report(.stopTimedOut(after: .seconds(7)))])
    #expect(script.now.since(aborted) == .seconds(7))
  }
}
