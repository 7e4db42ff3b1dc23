import Glibc
import Lifecycle
import Linux

/// What the processes tell, and what follows when the last has ended.
extension Execution {
  func mainExited(_ raw: ExitStatus, hasSuccessor: Bool) {
    if hasSuccessor, hasHandedOver, phase == .main, settings.ignoresMainProcess {
      // None of them is the main one (GuessMainPID=no): it goes on as long as there is any.
      if processes.followSuccessor() != nil { return }
      return mainExited(raw, hasSuccessor: false)
    }
    let status = settings.isClean(raw) ? .exited(code: 0) : raw
    // Which ends Restart= applies to goes by how it has really ended.
    if status != raw { onEvent(.exitExcused(raw)) }
    if settings.kind == .oneshot || settings.remainAfterExit, phase == .main, status.isSuccess {
      result.note(raw)
      return mainIsDone(status, hasSuccessor: hasSuccessor)
    }
    if hasSuccessor, status.isSuccess, phase == .main {
      onEvent(.mainExited(status, hasSuccessor: true))
      return
    }
    result.note(raw)
    switch phase {
    case .main where !settings.stop.isEmpty && failedStatus == nil && (isReady || settings.kind != .notify):
      // systemd runs them, too, when a service has left by itself.
      untoldExit = (status, hasSuccessor)
      runStop()
    case .stopping: untoldExit = (status, hasSuccessor)
    case .idle, .preparing, .main, .ending, .cleaning: tellExit(status, hasSuccessor: hasSuccessor)
    }
  }

  /// The core has another process for the main one. Returns which; nil: it has ended meanwhile, or can't be watched.
  func followSuccessor() -> Int32? {
    guard let pid = processes.followSuccessor() else {
      // Nobody else would tell of an end that the core waits for.
      mainExited(.unknown, hasSuccessor: false)
      return nil
    }
    handedOver()
    return pid
  }

  func tellExit(_ status: ExitStatus, hasSuccessor: Bool) {
    phase = .ending
    set(alarmIn: nil)
    let event = Event.mainExited(failedStatus ?? status, hasSuccessor: hasSuccessor && failedStatus == nil)
    guard settings.killMode != .process else {
      // With that the core takes all for over.
      processes.letGo()
      return clean { [weak self] in self?.onEvent(event) }
    }
    onEvent(event)
    if isGoneUntold { allGone() }
  }

  /// A oneshot service, or one that remains, has done what it was started for.
  private func mainIsDone(_ status: ExitStatus, hasSuccessor: Bool) {
    // What a service that isn't oneshot has left behind goes on in its place.
    if hasSuccessor, settings.kind != .oneshot { return onEvent(.mainExited(status, hasSuccessor: true)) }
    hasRemained = settings.remainAfterExit
    let then = { [weak self] in
      guard let self else { return }
      if hasRemained {
        if settings.kind == .oneshot { becameReady() }
      } else if settings.stop.isEmpty {
        tellExit(status, hasSuccessor: false)
      } else {
        untoldExit = (status, false)
        runStop()
      }
    }
    if settings.kind == .oneshot { runStartPost(then: then) } else { then() }
  }

  func allGone() {
    // The main process's end is told first, when its commands have ended.
    isGoneUntold = hasRemained || untoldExit != nil
    guard !isGoneUntold else { return }
    clean { [weak self] in self?.onEvent(.allProcessesGone) }
  }

  // MARK: the end of everything

  /// ExecStopPost=, then the directories that go with it.
  func clean(_ then: @escaping () -> Void) {
    finishReload("it has ended")
    phase = .cleaning
    let removed = directories.toRemove(isRestarting: isRestarting)
    var steps = Self.steps("ExecStopPost", settings.stopPost)
    if !removed.isEmpty {
      steps.append(CommandSequence.Step(key: "RuntimeDirectory", command: directories.removal(of: removed)))
    }
    let finish = { [weak self] in
      guard let self else { return }
      do throws(LaunchFailure) { try directories.finishRemoval(of: removed) } catch { onWarning("\(error)") }
      set(alarmIn: nil)
      sequence = nil
      phase = .idle
      then()
    }
    guard !steps.isEmpty, !isForced else { return finish() }
    run(steps, within: options.stopTimeout, killsLeftovers: true, variables: result.variables) { [weak self] outcome in
      guard let self else { return }
      if case .failed(let text, _) = outcome { onWarning(text) }
      processes.clear(finish)
    }
  }
}
