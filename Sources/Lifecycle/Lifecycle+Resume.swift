// A manager that dies leaves the sockets, the service and a `Memory` behind, in whatever keeps its descriptors. Its successor
// compares the memory with what it finds and goes on from there.
//
// The memory is written after an event was decided on and before its actions are carried out. So of the actions that belong
// to it, any number may have been: all that a successor does holds for each case.

extension Lifecycle {
  /// What the kernel can't tell of a service.
  public struct Memory: Equatable, Sendable {
    public enum Phase: Equatable, Sendable {
      case dormant
      case starting
      /// Ready, frozen or not.
      case running
      /// A rest is under way or given up, and the service has not been told to end.
      case draining
      /// Datagrams go to the next sockets, for good.
      case committed
      /// It has been told to end, or is about to be.
      case resting
      case quitting
      /// It left by itself or had failed; what is left of it is cleared away.
      case clearing
      case backingOff(until: Instant)
      case ended
    }
    public var phase: Phase
    /// When the instance was started, and when it was ready.
    public var wokenAt: Instant?
    public var readyAt: Instant?
    public var adopted: Set<Int> = []
    public var abandoned: Set<Int> = []
    public var failures = 0
    /// It is started again at the end of a wait though nobody waits.
    public var restarts = false
    public var isPinned = false
    public var saysBusy = false
  }

  /// What a successor has found.
  public struct Found: Equatable, Sendable {
    /// Some process of the service is alive; with `KillMode.process` its main one.
    public var hasProcesses: Bool
    /// How its main process has ended, if it has; `unknown` where nobody is left who was told.
    public var mainExit: ExitStatus?
    /// There are second sockets.
    public var hasNext: Bool
    /// The processes are frozen, or are about to be (cgroup.freeze says 1).
    public var isFrozen: Bool

    public init(hasProcesses: Bool, mainExit: ExitStatus? = nil, hasNext: Bool, isFrozen: Bool = false) {
      self.hasProcesses = hasProcesses
      self.mainExit = mainExit
      self.hasNext = hasNext
      self.isFrozen = isFrozen
    }
  }

  /// To be kept where a successor finds it, before actions are carried out.
  public var memory: Memory {
    var memory = Memory(phase: phase, abandoned: abandoned, failures: failures)
    memory.isPinned = isPinned
    if case .backingOff(let backingOff) = state { memory.restarts = backingOff.restarts }
    if let instance {
      memory.saysBusy = instance.saysBusy
      memory.adopted = instance.adopted
      memory.wokenAt = instance.wokenAt
      memory.readyAt = instance.readyAt
    }
    return memory
  }

  private var phase: Memory.Phase {
    switch state {
    case .dormant: .dormant
    case .starting: .starting
    case .running, .freezing, .frozen: .running
    case .draining(let draining): draining.isCommitted ? .committed : .draining
    case .returning: .draining
    case .stopping(let stopping):
      switch stopping.purpose {
      case .rest: .resting
      case .quit: .quitting
      case .failure, .left: .clearing
      }
    case .backingOff(let backingOff): .backingOff(until: backingOff.until)
    case .ended: .ended
    }
  }

  /// The one that lives, in whatever state.
  var instance: Instance? {
    switch state {
    case .dormant, .backingOff, .ended: nil
    case .starting(let starting): starting.instance
    case .running(let running): running.instance
    case .draining(let draining): draining.instance
    case .returning(let returning): returning.instance
    case .freezing(let freezing): freezing.instance
    case .frozen(let frozen): frozen.instance
    case .stopping(let stopping): stopping.instance
    }
  }

  /// Instead of `begin`: goes on where a predecessor has left off.
  public mutating func resume(_ memory: Memory, _ found: Found, at now: Instant) -> [Action] {
    failures = memory.failures
    abandoned = memory.abandoned
    isPinned = memory.isPinned
    var actions = goOn(memory, found, at: now)
    if found.hasProcesses, let status = found.mainExit {
      // What is left may be a daemon that has gone to the background, or workers without a master, who would keep their clients
      // waiting for ever. Where nobody knows how the main process ended it is started anew.
      actions += handle(.mainExited(status, hasSuccessor: status != .unknown), at: now)
    }
    return abandoned.isEmpty ? actions : [.abandon(sockets: abandoned)] + actions
  }

  private mutating func goOn(_ memory: Memory, _ found: Found, at now: Instant) -> [Action] {
    var instance = inherit(memory, found, at: now)
    switch memory.phase {
    case .ended:
      return end()
    case .dormant where !found.hasProcesses:
      // The last thing that a rest does; nothing waits on the old ones.
      return (found.hasNext ? [.swap] : []) + [.listenAgain] + becomeDormant()
    case .backingOff(let until) where !found.hasProcesses:
      state = .backingOff(BackingOff(until: until, restarts: memory.restarts))
      return [.listenAgain]
    case .starting where !found.hasProcesses:
      // It was never started, or is gone already: whoever waits starts it.
      return [.listenAgain] + becomeDormant()
    case .starting where !found.hasNext:
      let looks = configuration.readiness == .automatic
      let starting = Starting(
        instance: instance, deadline: configuration.startTimeout.map(now.advanced(by:)),
        lookAt: looks ? now.advanced(by: .milliseconds(1)) : nil, lookInterval: .milliseconds(1), hasSeenQueue: true,
        begunAt: now)
      state = .starting(starting)
      return [.listenAgain, .recordCloses, .sample(instance.startQuery)]
    case .quitting:
      return stop(instance, .quit, at: now)
    case .clearing:
      return [.listenAgain] + clearAway(instance, .left, at: now)
    case .resting:
      // Killed while it was frozen, or told to end before it was thawed.
      if found.hasProcesses, found.isFrozen, configuration.restsByKill { return killFrozen(instance, at: now) }
      return stop(instance, .rest, at: now)
    case .committed:
      return found.hasProcesses ? goOnCommitted(instance, at: now) : stop(instance, .rest, at: now)
    case .running, .draining, .dormant, .starting, .backingOff:
      instance.readyAt = instance.readyAt ?? now
      if found.hasNext { return [.listenAgain] + giveUpRest(instance, at: now) }
      guard found.hasProcesses else { return leave(instance, .unknown, at: now) }
      let thawing = Self.thaw(&instance)
      resume(instance, at: now)
      return thawing + [.listenAgain, .recordCloses]
    }
  }

  /// Nobody knows whether it has taken what it was started for: it isn't held against it.
  private mutating func inherit(_ memory: Memory, _ found: Found, at now: Instant) -> Instance {
    var instance = Instance(wokenAt: memory.wokenAt ?? now, startQuery: nextQuery(), isWanted: false)
    instance.hasAccepted = true
    instance.readyAt = memory.readyAt
    instance.runtimeEndsAt = configuration.runtimeMax.map { (memory.readyAt ?? now).advanced(by: $0) }
    instance.adopted = memory.adopted
    instance.saysBusy = memory.saysBusy
    instance.lastReceived = now
    instance.isFrozen = found.isFrozen
    if !found.hasProcesses {
      instance.mainExit = .unknown
      instance.isGone = true
    }
    if !instance.adopted.isEmpty, !instance.adopted.isSuperset(of: held) {
      instance.relayUnboundAt = now.advanced(by: configuration.bindGrace)
      instance.abandonAt = configuration.startTimeout.map(now.advanced(by:))
    }
    return instance
  }

  private mutating func goOnCommitted(_ instance: Instance, at now: Instant) -> [Action] {
    var instance = instance
    let thawing = Self.thaw(&instance)
    // When it was last used before the rest isn't known.
    var draining = Draining(instance: instance, step: .commitRetry, lastEvidence: instance.readyAt ?? now)
    draining.commitUntil = now.advanced(by: configuration.datagramPatience)
    return thawing + commitAgain(draining)
  }
}
