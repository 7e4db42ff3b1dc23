/// What became of a schedule.
public struct Outcome: Equatable, Sendable {
  public internal(set) var violations: [Violation] = []
  /// What happened, a line each; empty unless asked for.
  public internal(set) var trace: [String] = []
  /// Things that happened in virtual time.
  public internal(set) var steps = 0
  /// Events that the core was given.
  public internal(set) var events = 0
  public internal(set) var counts = Counts()
  /// Which events the core was given in which states.
  public internal(set) var coverage = Coverage()

  /// How often things came up: a simulation that never reaches a case says nothing about it.
  public struct Counts: Equatable, Sendable {
    public internal(set) var clients = 0
    public internal(set) var served = 0
    public internal(set) var wakes = 0
    public internal(set) var rests = 0
    public internal(set) var abortedRests = 0
    public internal(set) var impossibleRests = 0
    public internal(set) var failedSteerings = 0
    public internal(set) var failedStarts = 0
    public internal(set) var backoffs = 0
    public internal(set) var migrated = 0
    public internal(set) var relayed = 0
    public internal(set) var startTimeouts = 0
    public internal(set) var kills = 0
    public internal(set) var successorsFollowed = 0
    public internal(set) var leftByItself = 0
    public internal(set) var ignoredClients = 0
    public internal(set) var shutDownListeners = 0
    public internal(set) var abandonedSockets = 0
    public internal(set) var stops = 0
    public internal(set) var failedSamples = 0
    public internal(set) var overruns = 0
    public internal(set) var fullQueues = 0
    public internal(set) var furtherRequests = 0
    public internal(set) var datagrams = 0
    public internal(set) var commits = 0
    public internal(set) var withdrawals = 0
    public internal(set) var preempted = 0
    public internal(set) var leftovers = 0
    public internal(set) var freezes = 0
    public internal(set) var failedFreezes = 0
    public internal(set) var wakesByData = 0
    public internal(set) var killsWhileFrozen = 0
    public internal(set) var deaths = 0
    public internal(set) var relaysCut = 0
    public internal(set) var requests = 0
    public internal(set) var verifications = 0
    public internal(set) var restarts = 0
    public internal(set) var limitsHit = 0
    public internal(set) var watchdogs = 0
    public internal(set) var workingSpells = 0
    public internal(set) var wakesByIgnored = 0
    public internal(set) var restsFromIgnored = 0
    public internal(set) var thawsByIgnored = 0
    public internal(set) var ownStarts = 0
    public internal(set) var aborts = 0
    public internal(set) var excusedExits = 0
    public internal(set) var runtimeLimits = 0
    public internal(set) var startsAfterEnds = 0
    /// Clients who came during a drain.
    public internal(set) var arrivalsInDrain = 0

    public init() {}
  }

  /// For a person: the violations and how it came to them.
  public func description(seed: UInt64) -> String {
    let heads = violations.map { "\($0.invariant.rawValue) at \(Outcome.format($0.time)): \($0.detail)" }
    return (["seed \(seed)"] + heads + trace).joined(separator: "\n")
  }

  static func format(_ time: UInt64) -> String {
    let microseconds = String(time / microsecond % 1_000_000)
    return "\(time / second)." + String(repeating: "0", count: 6 - microseconds.count) + microseconds + " s"
  }
}

extension Outcome.Counts {
  public static func += (total: inout Outcome.Counts, one: Outcome.Counts) {
    for path in Outcome.Counts.all { total[keyPath: path.keyPath] += one[keyPath: path.keyPath] }
  }

  /// Name and place of each count.
  public static let all: [(name: String, keyPath: WritableKeyPath<Outcome.Counts, Int> & Sendable)] =
    [
      ("clients", \.clients), ("served", \.served), ("wakes", \.wakes), ("rests", \.rests),
      ("abortedRests", \.abortedRests), ("impossibleRests", \.impossibleRests), ("failedSteerings", \.failedSteerings),
      ("failedStarts", \.failedStarts),
      ("backoffs", \.backoffs), ("migrated", \.migrated),
      ("relayed", \.relayed), ("startTimeouts", \.startTimeouts), ("kills", \.kills),
      ("successorsFollowed", \.successorsFollowed), ("leftByItself", \.leftByItself),
      ("ignoredClients", \.ignoredClients), ("shutDownListeners", \.shutDownListeners),
      ("abandonedSockets", \.abandonedSockets), ("stops", \.stops), ("failedSamples", \.failedSamples),
      ("overruns", \.overruns), ("arrivalsInDrain", \.arrivalsInDrain), ("fullQueues", \.fullQueues),
      ("furtherRequests", \.furtherRequests), ("datagrams", \.datagrams), ("commits", \.commits),
      ("withdrawals", \.withdrawals),
      ("preempted", \.preempted), ("leftovers", \.leftovers), ("freezes", \.freezes),
      ("failedFreezes", \.failedFreezes), ("wakesByData", \.wakesByData), ("killsWhileFrozen", \.killsWhileFrozen),
      ("deaths", \.deaths), ("relaysCut", \.relaysCut), ("requests", \.requests), ("verifications", \.verifications),
      ("restarts", \.restarts), ("limitsHit", \.limitsHit), ("watchdogs", \.watchdogs),
      ("workingSpells", \.workingSpells), ("wakesByIgnored", \.wakesByIgnored),
      ("restsFromIgnored", \.restsFromIgnored), ("thawsByIgnored", \.thawsByIgnored), ("ownStarts", \.ownStarts),
      ("aborts", \.aborts), ("excusedExits", \.excusedExits), ("runtimeLimits", \.runtimeLimits),
      ("startsAfterEnds", \.startsAfterEnds),
    ]
}
