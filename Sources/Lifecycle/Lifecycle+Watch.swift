// Running: is it in use, and since when not?

extension Lifecycle {
  mutating func handle(_ event: Event, running: Running, at now: Instant) -> [Action] {
    var running = running
    switch event {
    case .deadlineReached:
      if Self.isDue(running.abandonAt, at: now) { return abandonUnbound(running) }
      guard Self.isDue(running.lookAt, at: now), let interval = configuration.lookInterval else { return [] }
      let query = nextQuery()
      running.query = query
      running.lookAt = now.advanced(by: interval)
      state = .running(running)
      return [.sample(query)]
    case .sampled(let query, let sample):
      if query == running.query { return judge(sample, running, at: now) }
      running.instance.note(query, sample)
      state = .running(running)
      // The answer to a question that is no longer open. What has closed is told once, so it counts whoever hears it.
      return sample.hasClosed ? handle(.connectionClosed, running: running, at: now) : []
    case .sampleFailed(let query):
      guard query == running.query else { return [] }
      // What can't be seen is busy.
      running.lastEvidence = now
      state = .running(running)
      return []
    case .connectionClosed:
      running.instance.hasAccepted = true
      running.lastEvidence = now
      let wasQuiet = running.isQuiet
      running.isQuiet = false
      if wasQuiet { running.lookAt = configuration.lookInterval.map(now.advanced(by:)) }
      state = .running(running)
      // One such event in a look's interval is enough: the rest is kept for the next look, at no wakeup of ours.
      return wasQuiet ? [.recordCloses] : []
    case .adopted(let socket):
      running.instance.adopted.insert(socket)
      state = .running(running)
      return []
    case .listenerShutDown(let socket):
      return [.listenAgain, .report(.listenerShutDown(socket: socket))]
    case .mainExited(let status, let hasSuccessor):
      if let follow = Self.follow(&running.instance, status, hasSuccessor) {
        state = .running(running)
        return follow
      }
      running.instance.mainExit = status
      return leave(running.instance, status, at: now)
    case .allProcessesGone:
      running.instance.isGone = true
      state = .running(running)
      return []
    case .stopRequested:
      return stop(running.instance, .quit, at: now)
    case .stopAtOnceRequested:
      return stopAtOnce(running.instance, at: now)
    case .startRequested, .connectionWaiting, .spawned, .spawnFailed, .notifiedReady, .queuesRead, .nextOpened,
      .nextUnavailable, .steeringFailed, .barrierPassed, .nextClosed:
      return []
    }
  }

  private mutating func judge(_ sample: Sample, _ running: Running, at now: Instant) -> [Action] {
    guard let timeout = configuration.idleTimeout, let interval = configuration.lookInterval else { return [] }
    var running = running
    running.query = nil
    running.instance.hasAccepted = running.instance.hasAccepted || sample.accepted > 0 || sample.hasClosed
    guard sample.isQuiet else {
      // Something was in use at some moment since the last look: counted as now, which can only be later than it was.
      running.lastEvidence = now
      running.lookAt = now.advanced(by: interval)
      let wasQuiet = running.isQuiet
      running.isQuiet = false
      state = .running(running)
      return wasQuiet ? [.recordCloses] : []
    }
    if running.lastEvidence.advanced(by: timeout) <= now { return beginRest(running, at: now) }
    // Nothing is open, and a close will be announced: until then, or until the timeout, no look can tell anything.
    running.lookAt = running.lastEvidence.advanced(by: timeout)
    running.isQuiet = true
    state = .running(running)
    return [.watchCloses]
  }

  private mutating func abandonUnbound(_ running: Running) -> [Action] {
    var running = running
    let unbound = held.subtracting(running.instance.adopted)
    running.abandonAt = nil
    abandoned.formUnion(unbound)
    state = .running(running)
    return unbound.isEmpty ? [] : [.abandon(sockets: unbound), .report(.neverBound(sockets: unbound))]
  }
}
