import Lifecycle

/// What holds for a whole schedule: the service's configuration and what sort of world it lives in.
struct Settings {
  var configuration: Lifecycle.Configuration
  /// The service binds by itself; else it takes what it is given by LISTEN_FDS.
  var serviceBinds: Bool
  /// So many of a hundred instances have something wrong with them until the schedule heals.
  var sickPercent: Int
  var healsAt: UInt64
  var longestMishap: UInt64
  var clients: Int
  /// More clients, who come when it hurts.
  var ambushes: Int
  var ambushPercent: Int
  var failsSamplesPercent: Int
  var overrunPercent: Int
  var slowAnswerPercent: Int
  var slowestAnswer: UInt64
  var failsOpenPercent: Int
  var crashesInDrainPercent: Int
  var partialRelayPercent: Int
  var stopsInDrainPercent: Int
  var spuriousTimerPercent: Int
  var vanishingPercent: Int
  var handshakeExpiry: UInt64
  /// How many connections an accept queue holds; more than ever come, mostly.
  var backlog = Int.max
  /// How often the manager is killed, and where: before any of so many of a hundred actions.
  var deaths = 0
  var deathPercent = 0
  var failsFreezePercent = 0
  var acceptsUntilExitPercent = 0
  var ambushAtOncePercent = 0
  /// The kernel refuses a successor what it may have granted its predecessor.
  var refusesSuccessorPercent = 0
  /// How often its owner asks for something, and how often the service works without a connection.
  var requests = 0
  var works = 0
  /// So many of a hundred services that are told to end are asked to start before they have.
  var asksWhileLeavingPercent = 0
  /// So many of a hundred clients are of sources that don't count.
  var ignoredPercent = 0
  /// Ends that its owner takes for good ones.
  var excused = EndStatuses()

  init(_ random: inout Random, seed: UInt64, profile: Profile) {
    let idle: UInt64? =
      random.chance(4) ? nil : random.pick([200 * millisecond, second, 5 * second, 30 * second, 600 * second])
    serviceBinds = random.chance(70)
    configuration = Lifecycle.Configuration(
      sockets: profile.sockets(&random), idleTimeout: idle.map { .nanoseconds(Int64($0)) },
      readiness: random.chance(25) ? .notify : .automatic, canAdopt: serviceBinds, canMigrate: random.chance(75),
      startTimeout: .milliseconds(random.pick([300, 1_000, 5_000])),
      stopTimeout: .milliseconds(random.pick([50, 500, 5_000])))
    let span = idle ?? 5 * second
    sickPercent = random.chance(50) ? 0 : random.pick([20, 60, 95])
    longestMishap = 2 * span
    clients = 1 + random.below(6)
    healsAt = random.spread(millisecond...2 * span + 3 * second)
    ambushes = random.below(8)
    ambushPercent = random.pick([10, 30, 60])
    failsSamplesPercent = random.chance(85) ? 0 : 5 + random.below(20)
    overrunPercent = random.chance(80) ? 0 : 20
    slowAnswerPercent = random.chance(70) ? 0 : 5
    slowestAnswer = min(70 * millisecond, span / 64)
    failsOpenPercent = random.chance(90) ? 0 : 50
    crashesInDrainPercent = random.chance(85) ? 0 : 20
    partialRelayPercent = random.chance(80) ? 0 : 30
    stopsInDrainPercent = random.chance(93) ? 0 : 20
    spuriousTimerPercent = random.chance(80) ? 0 : 5
    vanishingPercent = random.chance(80) ? 0 : 15
    // Looked at every few milliseconds a whole minute is a long schedule: only where looks are far between.
    let canExpireLate = span >= 5 * second && configuration.canMigrate
    handshakeExpiry =
      random.chance(70) || !canExpireLate ? random.spread(10 * millisecond...2 * second) : 63 * second
    // Later additions have their own chance, so that a seed of old is the schedule that it was.
    var random = Random(seed: ~seed)
    if random.chance(10) { backlog = 1 + random.below(3) }
    profile.adapt(&configuration, &random)
    if profile == .succession {
      deaths = 1 + random.below(3)
      deathPercent = random.pick([0, 2, 10])
    }
    // Of TCP listeners the seeds of old are kept as they were; the other profiles have them, too.
    if profile == .owner {
      requests = random.below(8)
      if configuration.looksRegularly { works = random.below(5) }
      if random.chance(15) { deaths = 1 }
    }
    acceptsUntilExitPercent = profile == .tcp ? 0 : 30
    ambushAtOncePercent = profile == .tcp ? 0 : 20
    failsFreezePercent = random.chance(80) ? 0 : 30
    if profile == .succession, random.chance(20) { refusesSuccessorPercent = 70 }
    if random.chance(50) {
      configuration.settleGrace = random.pick([nil, .milliseconds(20), .milliseconds(250), .seconds(2)])
    }
    if profile == .owner {
      if random.chance(10) { configuration.startsInBackground = true }
      if random.chance(25) { ignoredPercent = random.pick([30, 90]) }
      profile.adaptEnds(&configuration, &random)
      if random.chance(20) { excused = random.pick([EndStatuses(codes: [1]), EndStatuses(signals: [6])]) }
    }
    // Those that may be killed sleep with their connections open before that.
    var latest = Random(seed: ~seed &+ 2)
    if configuration.mayKill, latest.chance(40) {
      configuration.rest = .freeze
      if latest.chance(60) {
        configuration.stopAfterFrozen = .nanoseconds(Int64(latest.spread(10 * millisecond...100 * second)))
      }
    }
    if profile == .owner, latest.chance(25) { asksWhileLeavingPercent = 30 }
  }
}
