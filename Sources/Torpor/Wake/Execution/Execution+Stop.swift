import Glibc
import Lifecycle
import Linux

/// What the core says when a service is to end.
extension Execution {
  /// The first step: ExecStop=, then the signal to the main process.
  func terminateMain() {
    if cancelStart(isAtOnce: false) { return }
    consultPIDFile()
    switch phase {
    case .main:
      if !settings.stop.isEmpty { return runStop() }
      endMain()
    case .preparing, .stopping, .ending, .idle, .cleaning: break
    }
  }

  /// It has not started, or not ended, in time: WatchdogSignal=, for what it leaves in a core dump.
  func abortMain() {
    if cancelStart(isAtOnce: false) { return }
    sequence?.abandon(signal: SIGTERM)
    sequence = nil
    set(alarmIn: nil)
    result.noteTimeout()
    phase = .ending
    if processes.mainPID != nil {
      onWarning("it takes too long and is aborted by \(Signals.name(of: settings.watchdogSignal))")
      processes.signalMain([settings.watchdogSignal])
    } else {
      tellUntoldEnd()
    }
  }

  /// The main process has ended, or is none, and the core is yet to be told.
  private func tellUntoldEnd() {
    if let exit = untoldExit {
      untoldExit = nil
      tellExit(exit.status, hasSuccessor: false)
    } else if hasRemained {
      endRemaining()
    }
  }

  /// The main process has ended: those that it has left behind.
  func terminateAll() {
    if cancelStart(isAtOnce: false) { return }
    switch phase {
    case .preparing, .stopping, .cleaning, .idle: break
    case .main, .ending:
      switch settings.killMode {
      case .controlGroup: processes.signalAll(stopSignals)
      case .mixed: killNow()
      case .process, .none: break
      }
    }
  }

  /// The time for it is over.
  func killAll() {
    // They have a time limit of their own.
    if isCleaning { return }
    guard settings.sendSIGKILL || isForced else {
      onWarning("it still runs and is left alone, as SendSIGKILL=no asks for")
      return
    }
    if cancelStart(isAtOnce: true) { return processes.killAll() }
    guard phase != .cleaning else {
      sequence?.cancel(signal: SIGKILL)
      return processes.killAll()
    }
    sequence?.abandon(signal: nil)
    sequence = nil
    if processes.mainPID != nil { result.noteTimeout() }
    if phase == .main || phase == .stopping { phase = .ending }
    killNow()
    tellUntoldEnd()
  }

  private func killNow() {
    if settings.killMode == .process { return processes.signalMain([SIGKILL]) }
    // cgroup.kill is the only way that leaves nobody out.
    if settings.finalKillSignal != SIGKILL, !isForced {
      processes.signalAll([settings.finalKillSignal])
    } else {
      processes.killAll()
    }
  }

  var stopSignals: [Int32] { settings.stopSignals(isRestarting: isRestarting) }

  // MARK: commands

  func runStop() {
    phase = .stopping
    // A stop that the core has ordered ends by the core's own deadline.
    let limit = untoldExit == nil ? nil : options.stopTimeout
    run(Self.steps("ExecStop", settings.stop), within: limit, variables: mainVariables + result.variables) {
      [weak self] outcome in
      guard let self, phase == .stopping else { return }
      if case .failed(let text, _) = outcome { onWarning(text) }
      endMain()
    }
  }

  private func endMain() {
    phase = .ending
    if let exit = untoldExit {
      untoldExit = nil
      return tellExit(exit.status, hasSuccessor: exit.hasSuccessor)
    }
    if hasRemained { return endRemaining() }
    if settings.killMode != .none { processes.signalMain(stopSignals) }
  }

  /// There is no main process whose end could be told.
  func endRemaining() {
    hasRemained = false
    tellExit(.exited(code: 0), hasSuccessor: false)
  }

  /// ExecReload=. `then` is called with nil, or with what has failed.
  func reload(_ then: @escaping (String?) -> Void) {
    guard phase == .main, sequence == nil else { return then("it isn't running, or commands of it are") }
    guard !settings.reload.isEmpty else { return then("it has no ExecReload=") }
    run(Self.steps("ExecReload", settings.reload), within: options.startTimeout, variables: mainVariables) { outcome in
      switch outcome {
      case .done: then(nil)
      case .failed(let text, _), .unwanted(let text): then(text)
      case .cancelled: then("it is being stopped")
      }
    }
  }
}
