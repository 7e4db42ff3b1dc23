import Lifecycle

// What the owner asks for and the service says of itself, at any moment.

extension World {
  mutating func wish() {
    guard !hasFinished else { return }
    outcome.counts.requests += 1
    let span = idleTimeout ?? 5 * second
    switch extras.below(10) {
    case 0, 1, 2: feed(.restRequested)
    case 3:
      add(.unpins, after: extras.spread(microsecond...2 * span))
      feed(.pinned(true))
    case 4, 5:
      guard let id = instances.indices.last, isRunning(id), !isServiceFrozen else { return }
      add(.saysIdle(instance: id), after: extras.spread(microsecond...2 * span))
      feed(.busySaid(true))
    case 6: feed(.verifyRequested)
    case 7: feed(.verificationEnded)
    case 8: feed(.reconfigured(newConfiguration()))
    default: feed(.timeoutExtended(.nanoseconds(Int64(extras.spread(microsecond...span)))))
    }
  }

  /// Longer times only, for which the kernel's answers are as quick as for those of old.
  private mutating func newConfiguration() -> Lifecycle.Configuration {
    var configuration = lifecycle.configuration
    if let idle = idleTimeout {
      configuration.idleTimeout = extras.chance(10) ? nil : .nanoseconds(Int64(min(4 * idle, 2_000 * second)))
    } else {
      configuration.idleTimeout = settings.configuration.idleTimeout ?? .nanoseconds(Int64(World.firstFiniteTimeout))
    }
    if extras.chance(30) { configuration.minimumUptime = .nanoseconds(Int64(extras.spread(millisecond...10 * second))) }
    if extras.chance(30), configuration.runtimeMax == nil {
      configuration.restart = extras.pick([.no, .always, .onFailure])
    }
    return configuration
  }

  mutating func unpins() { feed(.pinned(false)) }

  mutating func saysIdle(_ id: Int) { if isRunning(id) { feed(.busySaid(false)) } }

  /// It has got SIGABRT, and may not heed it.
  mutating func hangs(_ id: Int) {
    guard isRunning(id), instances[id].isMainAlive, !instances[id].isTerminated else { return }
    outcome.counts.watchdogs += 1
    instances[id].isHanging = true
    instances[id].isAccepting = false
    if extras.chance(70) {
      add(.mainExits(instance: id, .signalled(6, dumpedCore: true)), after: extras.spread(microsecond...second))
    }
    feed(.watchdogExpired)
  }

  mutating func notifiesStopping(_ id: Int) {
    guard isRunning(id), instances[id].isMainAlive, !instances[id].isTerminated else { return }
    instances[id].saysStopping = true
    if extras.chance(50) {
      instances[id].isHanging = true
      instances[id].isAccepting = false
    }
    if extras.chance(80) {
      add(.mainExits(instance: id, Plan.anyStatus(&extras)), after: extras.spread(microsecond...10 * second))
    }
    feed(.notifiedStopping)
  }

  /// Without a connection: a job at a certain time.
  mutating func works(_ duration: UInt64) {
    guard let id = instances.indices.last, isRunning(id), instances[id].readyAt != nil, !isServiceFrozen else { return }
    outcome.counts.workingSpells += 1
    if now > owner.workUntil { owner.workSince = now }
    owner.workUntil = max(owner.workUntil, now + duration)
  }

  var isAtWorkSinceLastLook: Bool {
    owner.workUntil > owner.lastSnapshotAt && owner.workSince <= now && lifecycle.configuration.looksRegularly
  }

  // MARK: what follows

  mutating func noteAnswer(_ query: Query, _ sample: Sample) {
    guard let time = owner.snapshots.removeValue(forKey: query) else { return }
    owner.lastLookAt = time
    if sample.isOnlyIgnored, !sample.hasClosed, !sample.hasReceived, case .starting = lifecycle.state,
      let id = instances.indices.last
    {
      instances[id].isToldIgnored = true
    } else if sample.hasClosed || sample.hasReceived, let id = instances.indices.last {
      instances[id].isToldIgnored = false
    }
    let isOwnStart = owner.ownStartEndedAt.map { time >= $0 } ?? false
    if isOwnStart {
      owner.ownStartEndedAt = nil
      if sample.isAtWork { outcome.counts.ownStarts += 1 }
    }
    owner.lastLookSawUse =
      sample.accepted > 0 && !kernel.allowsSilence || !sample.queuedOnCurrent.isEmpty || sample.unreadDatagrams > 0
      || sample.isAtWork && !isOwnStart
  }

  mutating func noteRequest(_ event: Event) {
    switch event {
    case .startRequested:
      if case .stopping(let stopping) = lifecycle.state, stopping.purpose != .quit { owner.awaitsStart = true }
    case .restRequested:
      owner.awaitsStart = false
      switch lifecycle.state {
      case .running, .freezing, .frozen: owner.askedRestAt = now
      case .starting: owner.asksWhenReady = true
      case .backingOff:
        owner.isRestartDue = false
        failedAt = nil
      case .dormant, .draining, .returning, .stopping, .ended: break
      }
    case .pinned(let isPinned):
      if owner.isPinned, !isPinned { noteEndOfWord() }
      if owner.isPinned != isPinned { owner.pinChangedAt = now }
      owner.isPinned = isPinned
      lastExcuse = now
    case .busySaid(let isBusy):
      if !isBusy, owner.busyInstance == instances.indices.last { noteEndOfWord() }
      owner.busyInstance = isBusy ? instances.indices.last : nil
      lastExcuse = now
    case .verifyRequested:
      switch lifecycle.state {
      case .dormant, .backingOff:
        owner.isVerifying = true
        owner.isRestartDue = false
        failedAt = nil
      case .starting, .running, .draining, .returning, .freezing, .frozen, .stopping, .ended: break
      }
    case .verificationEnded:
      guard owner.isVerifying else { return }
      owner.isVerifying = false
      lastExcuse = now
      switch lifecycle.state {
      case .starting: owner.asksWhenReady = true
      case .running:
        guard !owner.forbidsRest(instances.count - 1) else { break }
        owner.askedRestAt = now
        owner.ownStartEndedAt = now
      case .dormant, .draining, .returning, .freezing, .frozen, .stopping, .backingOff, .ended: break
      }
    case .timeoutExtended(let time):
      switch lifecycle.state {
      case .running, .draining, .returning, .freezing, .frozen:
        guard let id = instances.indices.last else { break }
        instances[id].runtimeExtendedTo = max(instances[id].runtimeExtendedTo, now + time.nanosecondCount)
      case .dormant, .starting, .stopping, .backingOff, .ended: break
      }
    case .reconfigured(let configuration):
      owner.configuration = configuration
      lastExcuse = now
      lastCloseTold = nil
    default: break
    }
  }

  /// While it runs, idle time counts from then on.
  private mutating func noteEndOfWord() {
    if case .running = lifecycle.state, settings.deaths == 0 { owner.wordEndedAt = now }
  }

  mutating func noteReport(_ report: Report) {
    switch report {
    case .serving:
      if owner.asksWhenReady, !owner.isVerifying { owner.askedRestAt = now }
      owner.asksWhenReady = false
    case .readyToVerify:
      add(.request(.verificationEnded), after: extras.spread(microsecond...2 * (idleTimeout ?? second)))
    case .restAborted, .restImpossible, .thawed: owner.askedRestAt = nil
    case .rested:
      owner.endRow()
      noteInstanceEnd()
    case .failed(let failure, _, _):
      let restarts = isToBeStartedAgain(after: failure)
      owner.noteFailure(ruling, restarts: restarts, at: now)
      noteInstanceEnd()
    case .leftByItself:
      owner.endRow()
      let isKnown = if case .sampled = feeding { true } else { false }
      owner.isRestartDue = mayRestartWell && isKnown && kernel.queueLengths.current == 0
      noteInstanceEnd()
    case .restarting:
      if !owner.isRestartDue, !mayRestartWell { violate(.restartsAsConfigured, "it is to be started for nobody") }
      owner.isRestartDue = true
    case .startLimitHit:
      if !owner.isLimitUntold, settings.deaths == 0 { violate(.restartsAsConfigured, "no start limit was hit") }
      owner.isLimitUntold = false
    case .triggerLimitHit:
      // Those who don't count may have been served, which nobody sees; nor is one who has reset his connection.
      let isAnySeen = settings.ignoredPercent == 0 && !kernel.connections.contains { $0.isReset }
      if isAnySeen, instances.last?.hasAccepted ?? false {
        violate(.restartsAsConfigured, "that wake has served somebody")
      }
    case .stopped:
      noteInstanceEnd()
      owner.isRestartDue = false
    default: break
    }
  }

  private var mayRestartWell: Bool { isToBeStartedAgain(after: nil) }

  /// systemd.service(5), RestartPreventExitStatus= and RestartForceExitStatus=, said anew.
  private func isToBeStartedAgain(after failure: Failure?) -> Bool {
    guard !owner.isVerifying else { return false }
    if let instance = instances.last, let exit = instance.rawExit {
      if ruling.restartPreventing.contains(exit) { return false }
      if ruling.restartForcing.contains(exit) { return true }
    }
    return Owner.restarts(ruling.restart, after: failure)
  }

  private mutating func noteInstanceEnd() {
    owner.askedRestAt = nil
    owner.ownStartEndedAt = nil
    owner.asksWhenReady = false
    owner.isVerifying = false
    owner.busyInstance = nil
  }

  mutating func noteSpawn() {
    owner.isRestartDue = false
    if owner.awaitsStart { outcome.counts.startsAfterEnds += 1 }
    owner.awaitsStart = false
    owner.workUntil = min(owner.workUntil, now)
  }

  // MARK: checks

  mutating func checkRestIsAllowed() {
    if owner.forbidsRest(instances.count - 1) {
      violate(.neverRestsAgainstAWord, "pinned \(owner.isPinned), verifying \(owner.isVerifying)")
    }
  }

  /// Whether it was asked for, and a look since has shown that nobody is there.
  mutating func checkRestWasAsked() -> Bool {
    guard let asked = owner.askedRestAt else { return false }
    guard owner.lastLookAt >= asked, !owner.lastLookSawUse else { return false }
    owner.restLookAt = owner.lastLookAt
    return true
  }

  mutating func checkRequestIsAnswered() {
    guard let asked = owner.askedRestAt, now > asked + 4 * max(settings.slowestAnswer, 500 * microsecond) + millisecond
    else { return }
    violate(.answersRequests, "a rest was asked for at \(Outcome.format(asked))")
  }

  /// Nor does it wait for anything else than the end of the last instance.
  mutating func checkAwaitedStart() {
    guard owner.awaitsStart else { return owner.couldStartAt = nil }
    switch lifecycle.state {
    case .dormant:
      if lifecycle.deadline == nil { violate(.answersRequests, "a start was asked for while it ended, and forgotten") }
    case .backingOff: break
    case .starting, .running, .draining, .returning, .freezing, .frozen, .stopping: return owner.couldStartAt = nil
    case .ended: return owner.awaitsStart = false
    }
    let since = owner.couldStartAt ?? now
    owner.couldStartAt = since
    if now > since + 2 * max(settings.slowestAnswer, 500 * microsecond) + millisecond {
      violate(.answersRequests, "a start was asked for while it ended, and it is \(stateName)")
    }
  }

  /// Whoever asks for a start of one that sleeps or waits gets it.
  mutating func checkStart(_ event: Event, was state: Lifecycle.State) {
    guard case .startRequested = event else { return }
    switch state {
    case .dormant, .backingOff: if case .starting = lifecycle.state { return }
    case .frozen: if case .running = lifecycle.state { return }
    case .starting, .running, .draining, .returning, .freezing, .stopping, .ended: return
    }
    violate(.answersRequests, "a start was asked for, and it is \(stateName)")
  }

  /// At the end of an event.
  mutating func checkConfiguration() {
    guard !isManagerDown else { return }
    if owner.isLimitUntold, settings.deaths == 0 { violate(.restartsAsConfigured, "a start limit isn't told") }
    switch lifecycle.state {
    case .draining, .returning, .freezing: break
    case .dormant, .starting, .running, .frozen, .stopping, .backingOff, .ended:
      guard let configuration = owner.configuration, lifecycle.configuration != configuration else { return }
      violate(.obeysNewConfiguration, "another one was asked for")
    }
  }
}
