/// Why a unit is awake, or isn't. Times are seconds since 1970, UTC.
public struct UnitExplanation: Codable, Equatable, Sendable {
  public var name: String
  public var state: UnitStatus.State
  public var since: Double
  /// What each sense says of a running one, in the order in which they are shown.
  public var senses: [SenseReport]
  /// When it could rest at the soonest, if nothing more happens; nil: not running, or never, which `advice` explains.
  public var earliestRest: Double?
  public var holds: [UnitHold]
  /// Of one that isn't running: how that came. "idle for 30 min", "stopped by torpor rest", "never started".
  public var restedBecause: String?
  public var restedAt: Double?
  /// Of one that isn't running: what would start it. "a connection to 127.0.0.1:6379", "boot".
  public var wakesOn: [String]
  /// Who or what started it last: "127.0.0.1:43436 (redis-cli[21941])".
  public var wokenBy: String?
  public var wokenAt: Double?
  public var lastFailure: UnitFailure?
  public var retryInSeconds: Double?
  /// What the person could do about it. Sentences.
  public var advice: [String]

  public init(
    name: String, state: UnitStatus.State, since: Double, senses: [SenseReport] = [], earliestRest: Double? = nil,
    holds: [UnitHold] = [], restedBecause: String? = nil, restedAt: Double? = nil, wakesOn: [String] = [],
    wokenBy: String? = nil, wokenAt: Double? = nil, lastFailure: UnitFailure? = nil, retryInSeconds: Double? = nil,
    advice: [String] = []
  ) {
    self.name = name
    self.state = state
    self.since = since
    self.senses = senses
    self.earliestRest = earliestRest
    self.holds = holds
    self.restedBecause = restedBecause
    self.restedAt = restedAt
    self.wakesOn = wakesOn
    self.wokenBy = wokenBy
    self.wokenAt = wokenAt
    self.lastFailure = lastFailure
    self.retryInSeconds = retryInSeconds
    self.advice = advice
  }
}

/// One sense's answer.
public struct SenseReport: Codable, Equatable, Sendable {
  public enum Verdict: String, Codable, CaseIterable, Sendable { case busy, quiet }

  /// "connections", "traffic", "channels", "processing", "busy-check".
  public var name: String
  public var verdict: Verdict
  /// When it began to say so; nil: not known.
  public var since: Double?
  /// A line each: "127.0.0.1:43436 (redis-cli[21941]), last data 3 s ago".
  public var evidence: [String]

  public init(name: String, verdict: Verdict, since: Double? = nil, evidence: [String] = []) {
    self.name = name
    self.verdict = verdict
    self.since = since
    self.evidence = evidence
  }
}
