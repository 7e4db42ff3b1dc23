import Lifecycle

/// One schedule while it runs: clients, the kernel, the service, the shell around the real `Lifecycle`, and what is true, as
/// opposed to what the core was told.
struct World {
  let settings: Settings
  let fault: Fault?
  let trace: Trace?
  var random: Random
  var now: UInt64 = 0
  var agenda = Agenda()
  var kernel: SimulatedKernel
  var lifecycle: Lifecycle
  var instances: [Instance] = []
  var outcome = Outcome()
  var isHealed = false
  var ambushesLeft: Int
  /// The chance of what is not in every profile, so that the seeds of one stay what they are.
  var extras: Random
  /// The same for what came later still.
  var latest: Random

  // The shell.
  var isArmed = false
  var isReadableScheduled = false
  var timerSetting = 0
  var timerSetFor: Instant?
  /// The answer to `spawn` and to a `steer` that failed, which comes before anything else does.
  var immediateAnswer: Event?
  var hasFinished = false
  /// What a successor finds.
  var memory: Lifecycle.Memory
  var isManagerDown = false
  var deathsLeft: Int
  /// What was under way in a manager that has died never comes: the entries of the agenda up to this one.
  var lastOfPredecessor: UInt64 = 0
  /// Counts freezes and thaws: what was asked for before the last one is void.
  var freezeTurn = 0
  /// What the service would have done while it was frozen.
  var deferred: [Happening] = []
  /// The service's own timers, of which it has only so many, so that every schedule ends.
  var serviceTimersLeft = 3

  var owner = Owner()
  /// By what the core has decided on the event that is just carried out.
  var ruling: Lifecycle.Configuration

  // What the invariants need to know of the past.
  /// The last moment before a look at which a connection was with the service, or at which one waited as it was looked.
  var lastUseSeen: UInt64 = 0
  /// The same without work.
  var lastVisitSeen: UInt64 = 0
  /// When the last look was taken.
  var lastLookAt: UInt64 = 0
  /// The last look at a running service, and when it was taken if somebody waited then.
  var look: Query?
  var lookSawWaiting: UInt64?
  /// The last moment at which there was a reason not to rest that isn't a connection.
  var lastExcuse: UInt64 = 0
  var failuresInRow = 0
  /// When the last failed start was over; nil when the last end was a good one, or a person has asked for a start since.
  var failedAt: UInt64?
  var idleTurnsOfTimer = 0
  var isStopRequested = false
  var isStopAtOnceRequested = false
  /// What the core is just told.
  var feeding: Event?
  var drainBegan: UInt64?
  /// When the drain looked first.
  var drainLook: UInt64?
  /// What has shown that the drain is to be given up.
  var drainReason: Event?
  /// When it last steered datagrams away.
  var committedAt: UInt64?
  var returnBegan: UInt64?
  /// When a handshake that the drain has seen was last over.
  var lastOldHandshake: UInt64 = 0
  var lastCloseTold: UInt64?
  var closesTold = 0

  init(seed: UInt64, profile: Profile, fault: Fault?, isTracing: Bool) {
    var random = Random(seed: seed)
    settings = Settings(&random, seed: seed, profile: profile)
    self.random = random
    self.fault = fault
    trace = isTracing ? Trace() : nil
    extras = Random(seed: ~seed &+ 1)
    latest = Random(seed: ~seed &+ 3)
    kernel = SimulatedKernel(
      sockets: settings.configuration.sockets, allowsSilence: settings.configuration.allowsSilence)
    lifecycle = Lifecycle(configuration: settings.configuration)
    ruling = settings.configuration
    memory = lifecycle.memory
    ambushesLeft = settings.ambushes
    deathsLeft = settings.deaths
  }

  var idleTimeout: UInt64? { ruling.idleTimeout?.nanosecondCount }

  /// More than any schedule takes that comes to an end.
  static let longestRun = 30_000
  /// Longer than any time that is configured, and so short that virtual time doesn't run out before `longestRun`.
  static let longestWait = 86_400 * second

  mutating func run() -> Outcome {
    note("\(settings)")
    carryOut(lifecycle.begin())
    enterSchedule()
    check()
    while outcome.violations.isEmpty, let next = agenda.next() {
      now = next.time
      outcome.steps += 1
      if next.happening.isForManager, isManagerDown || next.number <= lastOfPredecessor {
        postpone(next.happening)
      } else if next.happening.isOfService, isServiceFrozen {
        deferWhileFrozen(next.happening)
      } else {
        happen(next.happening)
      }
      if settings.spuriousTimerPercent > 0, random.chance(settings.spuriousTimerPercent), !isManagerDown {
        feed(.deadlineReached)
      }
      check()
      setTimer()
      if outcome.steps > World.longestRun {
        violate(isStopRequested ? .stopsWhenAsked : .everyWaiterIsServedIfItCanStart, "no end: \(stateName)")
      }
    }
    checkEnd()
    outcome.trace = trace?.lines ?? []
    return outcome
  }

  private mutating func enterSchedule() {
    let span = idleTimeout ?? 5 * second
    for _ in 0..<settings.clients {
      addClient(at: random.chance(50) ? random.spread(microsecond...4 * span) : 1 + random.below(4 * span))
    }
    if random.chance(15) { add(.request(.startRequested), after: random.spread(microsecond...2 * span)) }
    if random.chance(6) { add(.request(.stopRequested), after: random.spread(microsecond...4 * span)) }
    if random.chance(2) { add(.request(.stopAtOnceRequested), after: random.spread(microsecond...4 * span)) }
    agenda.add(.healed, at: settings.healsAt)
    for _ in 0..<settings.requests { add(.wish, after: extras.spread(microsecond...4 * span)) }
    for _ in 0..<settings.works {
      add(.works(duration: extras.spread(microsecond...2 * span)), after: extras.spread(microsecond...4 * span))
    }
    for _ in 0..<settings.deaths { add(.managerDies, after: extras.spread(microsecond...4 * span)) }
  }

  mutating func add(_ happening: Happening, after delay: UInt64) {
    agenda.add(happening, at: now + delay)
  }

  private mutating func happen(_ happening: Happening) {
    note(describe(happening))
    switch happening {
    case .synArrives(let id): synArrives(id)
    case .synProcessed(let id): synProcessed(id)
    case .handshakeEnds(let id): handshakeEnds(id)
    case .handshakeExpires(let id): handshakeExpires(id)
    case .clientGivesUp(let id): clientGivesUp(id)
    case .clientCloses(let id): clientCloses(id)
    case .binds(let instance, let socket): binds(instance, socket)
    case .startsAccepting(let instance): startsAccepting(instance)
    case .notifiesReady(let instance):
      if isRunning(instance) {
        instances[instance].hasNotified = true
        feed(.notifiedReady)
      }
    case .accepts(let instance): accepts(instance)
    case .acceptReturns(let id): acceptReturns(id)
    case .replies(let id): replies(id)
    case .closes(let id): closes(id)
    case .shutsListenerDown(let instance): shutsListenerDown(instance)
    case .goesToBackground(let instance): goesToBackground(instance)
    case .hangs(let instance): hangs(instance)
    case .notifiesStopping(let instance): notifiesStopping(instance)
    case .works(let duration): works(duration)
    case .wish: wish()
    case .unpins: unpins()
    case .saysIdle(let instance): saysIdle(instance)
    case .mainExits(let instance, let status): mainExits(instance, status)
    case .childExits(let instance): childExits(instance)
    case .observe(let question): answer(question, after: answerDelay())
    case .answer(let event): deliver(event)
    case .timerFires(let setting): timerFires(setting)
    case .readable: readable()
    case .closeAnnounced: if kernel.closeRecord == .watched, kernel.hasClosed { feed(.connectionClosed) }
    case .listenerShutDown(let listener): tellShutDown(listener)
    case .mainExited(let instance, let epoch, let status): tellMainExited(instance, epoch, status)
    case .allProcessesGone(let instance): if instance == instances.count - 1 { feed(.allProcessesGone) }
    case .request(let event): request(event)
    case .clientSends(let id): clientSends(id)
    case .reads(let id): reads(id)
    case .freezes(let turn, let query): freezes(turn, query)
    case .heldReadable: heldReadable()
    case .managerDies: managerDies()
    case .managerReturns: managerReturns()
    case .healed: heal()
    }
  }
}
