import Lifecycle

// The shell: kernel events in, actions out. As simple as can be, since the decisions are the core's.

extension World {
  /// After the end, too: what the shell has in its queue then still comes, and must change nothing.
  mutating func feed(_ event: Event) {
    guard outcome.violations.isEmpty else { return }
    outcome.events += 1
    outcome.coverage.add(event, in: lifecycle.state)
    note("  \(describe(event))")
    feeding = event
    checkEvent(event)
    noteRequest(event)
    let before = lifecycle.state
    var actions = lifecycle.handle(event, at: Instant(nanoseconds: now))
    checkStart(event, was: before)
    // Nobody else reads it.
    if settings.deaths > 0, fault != .remembersLate { memory = lifecycle.memory }
    checkActions(actions, event)
    if fault == .armsBeforeSwap, let swap = actions.firstIndex(of: .swap), let arm = actions.lastIndex(of: .arm) {
      actions.swapAt(swap, arm)
    }
    carryOut(actions)
    if settings.deaths > 0, !isManagerDown { memory = lifecycle.memory }
    if owner.configuration != nil { ruling = lifecycle.configuration }
    checkConfiguration()
    if let answer = immediateAnswer {
      immediateAnswer = nil
      feed(answer)
    }
  }

  /// Before and after any action the manager may be killed.
  mutating func carryOut(_ actions: [Action]) {
    for action in actions {
      if deathsLeft > 0, extras.chance(settings.deathPercent) { managerDies() }
      guard !isManagerDown else { return }
      carryOut(action)
    }
    if deathsLeft > 0, !actions.isEmpty, extras.chance(settings.deathPercent) { managerDies() }
  }

  private mutating func carryOut(_ action: Action) {
    note("    \(describe(action))")
    switch action {
    case .arm: arm()
    case .disarm: disarm()
    case .spawn: immediateAnswer = spawn()
    case .followSuccessor: followSuccessor()
    case .recordCloses:
      if kernel.closeRecord == .off { kernel.hasReceived = false }
      kernel.closeRecord = .recorded
    case .watchCloses:
      kernel.closeRecord = .watched
      if kernel.hasClosed { add(.closeAnnounced, after: random.spread(microsecond...100 * microsecond)) }
    case .forgetCloses:
      kernel.closeRecord = .off
      kernel.hasClosed = false
      kernel.hasReceived = false
    case .readQueues(let query):
      checkStartLook()
      ask(.queues(query))
    case .sample(let query):
      let isRunning = if case .running = lifecycle.state { true } else { false }
      ask(.sample(query, isRunning: isRunning))
    case .openNext(let sockets): openNext(sockets)
    case .steer(let target): steer(target)
    case .barrier(let query): barrier(query)
    case .relayStrays(let sockets): relayStrays(sockets)
    case .closeNext: closeNext()
    case .swap: swap()
    case .listenAgain: if fault != .neverListensAgain { listenAgain() }
    case .relayUnbound: break
    case .abandon(let sockets): abandon(sockets)
    case .terminateMain:
      checkTermination()
      checkEnding()
      if let id = instances.indices.last { instances[id].isToldToEnd = true }
      terminate(isForAll: false)
      ambush()
      askWhileLeaving()
    case .abortMain:
      outcome.counts.aborts += 1
      checkEnding()
      checkAbort()
      if let id = instances.indices.last { instances[id].isToldToEnd = true }
      abort()
    case .terminateAll:
      checkEnding()
      if let id = instances.indices.last { instances[id].isToldAll = true }
      terminate(isForAll: true)
    case .killAll:
      outcome.counts.kills += 1
      checkTermination()
      checkEnding()
      checkLeftoversAreTold()
      checkKill()
      kill()
    case .commitDatagrams: commitDatagrams()
    case .withdrawDatagrams: withdrawDatagrams()
    case .freeze(let query): freeze(query)
    case .thaw: thaw()
    case .holdConnections(let query): holdConnections(query)
    case .releaseConnections: kernel.isHeld = false
    case .releaseMemory: break
    case .report(let report): hear(report)
    case .finish: finish()
    }
  }

  // MARK: watching

  private mutating func arm() {
    isArmed = true
    for group in kernel.groups where !group.isAbandoned { kernel.listeners[group.current].isWatched = true }
    scheduleReadable()
  }

  private mutating func disarm() {
    isArmed = false
    for index in kernel.listeners.indices { kernel.listeners[index].isWatched = false }
  }

  /// Level-triggered: as long as something is in a watched queue.
  mutating func scheduleReadable() {
    guard isArmed, !isReadableScheduled, kernel.isReadable else { return }
    isReadableScheduled = true
    add(.readable, after: random.spread(microsecond...100 * microsecond))
  }

  mutating func readable() {
    isReadableScheduled = false
    guard isArmed, kernel.isReadable else { return }
    feed(arrival(.connectionWaiting, isOnlyIgnored: kernel.isOnlyIgnoredWaiting))
  }

  /// A frozen service is told at once whether it counts.
  func arrival(_ event: Event, isOnlyIgnored: @autoclosure () -> Bool) -> Event {
    guard settings.ignoredPercent > 0, case .frozen = lifecycle.state, isOnlyIgnored() else { return event }
    return .ignoredCame
  }

  /// Only what is set differently is set anew.
  mutating func setTimer() {
    let deadline = lifecycle.deadline
    guard deadline != timerSetFor, !isManagerDown else { return }
    timerSetFor = deadline
    timerSetting += 1
    guard let deadline else { return }
    guard deadline.nanoseconds < now + World.longestWait else {
      return violate(.deadlineIsNear, "a deadline at \(Outcome.format(deadline.nanoseconds))")
    }
    agenda.add(
      .timerFires(setting: timerSetting),
      at: max(deadline.nanoseconds, now) + random.spread(microsecond...200 * microsecond))
  }

  mutating func timerFires(_ setting: Int) {
    guard setting == timerSetting else { return }
    timerSetFor = nil
    feed(.deadlineReached)
  }

  // MARK: answers

  mutating func answerDelay() -> UInt64 {
    random.chance(settings.slowAnswerPercent)
      ? random.spread(microsecond...settings.slowestAnswer) : random.spread(microsecond...500 * microsecond)
  }

  /// The look is taken at once, or when the answer is given, or at some moment between.
  private mutating func ask(_ question: Question) {
    if case .sample(let query, _) = question {
      if case .running = lifecycle.state { look = query } else { look = nil }
      lookSawWaiting = nil
    }
    if random.chance(40) { return answer(question, after: answerDelay()) }
    add(.observe(question), after: answerDelay())
  }

  mutating func answer(_ question: Question, after delay: UInt64) {
    switch question {
    case .queues(let query):
      var lengths = fault == .readsQueuesAsEmpty ? QueueLengths(current: 0) : kernel.queueLengths
      lengths.areTaken = instances.last.map { $0.takenAt != nil } ?? false
      add(.answer(.queuesRead(query, lengths)), after: delay)
    case .sample(let query, let isRunning):
      if case .draining = lifecycle.state, drainLook == nil { drainLook = now }
      if random.chance(settings.failsSamplesPercent), !isHealed {
        return add(.answer(.sampleFailed(query)), after: delay)
      }
      lastUseSeen = max(lastUseSeen, kernel.lastUse(at: now))
      lastVisitSeen = max(lastVisitSeen, kernel.lastUse(at: now))
      lastLookAt = now
      kernel.noteLook()
      if isAtWorkSinceLastLook { lastUseSeen = max(lastUseSeen, owner.lastWork(at: now)) }
      if query == look, kernel.hasVisibleUse { lookSawWaiting = now }
      var sample = kernel.sample(
        hidesLimbo: fault == .hidesLimbo, hidesHandshakes: fault == .hidesHandshakes, isRunning: isRunning, at: now)
      tellIgnored(in: &sample)
      switch fault {
      case .hidesUnread: sample.unreadDatagrams = 0
      case .hidesStamps where !settings.configuration.allowsSilence,
        .hidesData where settings.configuration.allowsSilence:
        sample.lastUse = nil
      default: break
      }
      sample.isAtWork = isAtWorkSinceLastLook
      owner.lastSnapshotAt = now
      owner.snapshots[query] = now
      kernel.hasClosed = false
      kernel.hasReceived = false
      add(.answer(.sampled(query, sample)), after: delay)
    }
  }

  private mutating func tellIgnored(in sample: inout Sample) {
    guard settings.ignoredPercent > 0, case .starting = lifecycle.state, let id = instances.indices.last,
      !instances[id].isStartSeen
    else { return }
    instances[id].isStartSeen = true
    sample.isOnlyIgnored = kernel.isOnlyIgnoredWaiting
    instances[id].isWokenByIgnored = sample.isOnlyIgnored
    if sample.isOnlyIgnored { outcome.counts.wakesByIgnored += 1 }
  }

  mutating func deliver(_ event: Event) {
    if case .sampleFailed(let query) = event {
      // What can't be seen is busy, unless a later look has been asked for meanwhile.
      if query == look {
        lastUseSeen = now
        lastVisitSeen = now
      }
      outcome.counts.failedSamples += 1
      lastExcuse = now
      // Whose work the next one tells of isn't known.
      owner.ownStartEndedAt = nil
    }
    if case .sampled(let query, let sample) = event { noteAnswer(query, sample) }
    if case .queuesRead(_, let lengths) = event, lengths.current > 0, case .starting = lifecycle.state,
      let id = instances.indices.last
    {
      instances[id].hasSeenQueue = true
    }
    if case .sampled(look, _) = event, let time = lookSawWaiting {
      lastUseSeen = max(lastUseSeen, time)
      lastVisitSeen = max(lastVisitSeen, time)
    }
    ambushIfHandingOver()
    feed(event)
  }

  /// While a rest is under way or given up, every answer is a moment at which somebody may come, crash or stop us.
  private mutating func ambushIfHandingOver() {
    switch lifecycle.state {
    case .draining, .returning, .freezing:
      ambush()
      if settings.requests > 0, extras.chance(8) { add(.wish, after: extras.spread(microsecond...5 * millisecond)) }
      if !isHealed, random.chance(settings.crashesInDrainPercent), let id = instances.indices.last {
        let status = Plan.anyStatus(&random)
        add(.mainExits(instance: id, status), after: random.spread(microsecond...20 * millisecond))
      }
      leaveWhileFreezing()
      if random.chance(settings.stopsInDrainPercent) {
        add(.request(.stopRequested), after: random.spread(microsecond...100 * millisecond))
      }
    case .dormant, .starting, .running, .frozen, .stopping, .backingOff, .ended: break
    }
  }

  /// Its owner wants it again when it is just leaving, and may think better of it.
  private mutating func askWhileLeaving() {
    guard settings.asksWhileLeavingPercent > 0, latest.chance(settings.asksWhileLeavingPercent) else { return }
    let delay = latest.spread(microsecond...millisecond)
    add(.request(.startRequested), after: delay)
    if latest.chance(20) { add(.request(.restRequested), after: delay + latest.spread(microsecond...millisecond)) }
  }

  /// It says that it leaves when it is just being frozen.
  private mutating func leaveWhileFreezing() {
    guard case .freezing = lifecycle.state, settings.requests > 0, !isHealed, latest.chance(5),
      let id = instances.indices.last
    else { return }
    instances[id].plan.isHealthy = false
    add(.notifiesStopping(instance: id), after: latest.spread(microsecond...millisecond))
  }

  mutating func request(_ event: Event) {
    if event == .startRequested { failedAt = nil }
    if event == .stopRequested || event == .stopAtOnceRequested { isStopRequested = true }
    if event == .stopAtOnceRequested { isStopAtOnceRequested = true }
    feed(event)
  }

  mutating func recordClose() {
    guard kernel.closeRecord != .off else { return }
    lastExcuse = now
    if random.chance(settings.overrunPercent) {
      outcome.counts.overruns += 1
      if fault == .hidesOverruns { return }
    }
    kernel.hasClosed = true
    if kernel.closeRecord == .watched { add(.closeAnnounced, after: random.spread(microsecond...200 * microsecond)) }
  }

  mutating func tellShutDown(_ listener: Int) {
    kernel.listeners[listener].isShutDownUntold = false
    guard kernel.isCurrent(listener) else { return }
    if let id = instances.indices.last { instances[id].shutDownAt = now }
    feed(.listenerShutDown(socket: kernel.listeners[listener].socket))
  }

  mutating func tellMainExited(_ id: Int, _ epoch: Int, _ status: ExitStatus) {
    guard id == instances.count - 1, epoch == instances[id].epoch else { return }
    instances[id].rawExit = status
    let isExcused = settings.excused.contains(status)
    let told = isExcused ? .exited(code: 0) : status
    if isExcused {
      outcome.counts.excusedExits += 1
      feed(.exitExcused(status))
    }
    instances[id].toldExit = told
    feed(.mainExited(told, hasSuccessor: instances[id].childrenAlive > 0))
  }

  private mutating func finish() {
    hasFinished = true
    for id in kernel.connections.indices where kernel.connections[id].phase != .gone { end(id, .diedWithService) }
    for index in kernel.listeners.indices { kernel.listeners[index].isClosed = true }
  }
}
