import Lifecycle

// The manager is killed, and another one goes on with the descriptors that were kept and what had been written down.

extension World {
  mutating func managerDies() {
    guard !isManagerDown, !hasFinished, deathsLeft > 0 else { return }
    deathsLeft -= 1
    outcome.counts.deaths += 1
    note("the manager is killed; its memory: \(describe(memory))")
    isManagerDown = true
    isArmed = false
    isReadableScheduled = false
    immediateAnswer = nil
    timerSetFor = nil
    timerSetting += 1
    look = nil
    kernel.closeRecord = .off
    kernel.hasClosed = false
    kernel.hasReceived = false
    kernel.isHeld = false
    for index in kernel.listeners.indices { kernel.listeners[index].isWatched = false }
    cutRelays()
    add(.managerReturns, after: extras.spread(10 * microsecond...2 * second))
  }

  /// Both ends of a relay were ours.
  private mutating func cutRelays() {
    for id in kernel.connections.indices where kernel.connections[id].isRelayed {
      switch kernel.connections[id].phase {
      case .queued, .limbo, .inHand:
        outcome.counts.relaysCut += 1
        let listener = kernel.connections[id].listener
        kernel.listeners[listener].queue.removeAll { $0 == id }
        lose(id, isExcused: true, "")
      case .away, .synInProcess, .handshaking, .gone: break
      }
    }
  }

  mutating func managerReturns() {
    isManagerDown = false
    lastOfPredecessor = agenda.lastNumber
    lastExcuse = now
    // The predecessor may have been killed when it was about to tell of a good end.
    failuresInRow = min(failuresInRow, memory.failures)
    immediateAnswer = nil
    owner.forget()
    if let id = instances.indices.last {
      instances[id].isInherited = true
      instances[id].readyAt = instances[id].readyAt ?? memory.readyAt?.nanoseconds
    }
    lifecycle = Lifecycle(configuration: owner.configuration ?? settings.configuration)
    ruling = lifecycle.configuration
    let exit = mainExit()
    if let id = instances.indices.last { instances[id].rawExit = exit }
    let found = Lifecycle.Found(
      hasProcesses: instances.last?.isAlive ?? false, mainExit: exit,
      hasNext: fault != .forgetsNext && kernel.groups.contains { $0.next != nil },
      isFrozen: fault != .forgetsFreeze && instances.last?.isToFreeze ?? false)
    note("a successor finds \(found)")
    let actions = lifecycle.resume(memory, found, at: Instant(nanoseconds: now))
    memory = lifecycle.memory
    checkActions(actions, .startRequested)
    carryOut(actions)
    if let answer = immediateAnswer, !isManagerDown {
      immediateAnswer = nil
      feed(answer)
    }
  }

  /// Who was its parent may have been told, and may be asked.
  private mutating func mainExit() -> ExitStatus? {
    guard let instance = instances.last, instance.isAlive, !instance.isMainAlive else { return nil }
    guard extras.chance(50) else { return .unknown }
    return settings.excused.contains(instance.lastExit) ? .exited(code: 0) : instance.lastExit
  }

  /// What can wait until there is a manager does: a bind() that waits for its answer, a datagram in the notify socket.
  mutating func postpone(_ happening: Happening) {
    switch happening {
    case .binds, .notifiesReady, .request, .wish, .unpins, .saysIdle, .notifiesStopping, .hangs:
      add(happening, after: millisecond)
    default: break
    }
  }
}
