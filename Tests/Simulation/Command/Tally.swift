import Simulation

/// The sum of many schedules.
struct Tally: Sendable {
  private(set) var schedules = 0
  private(set) var steps = 0
  private(set) var events = 0
  private(set) var counts = Outcome.Counts()
  private(set) var coverage = Coverage()
  /// The failed schedule with the lowest seed.
  private(set) var failure: (seed: UInt64, outcome: Outcome)?

  mutating func add(_ outcome: Outcome, seed: UInt64) {
    schedules += 1
    steps += outcome.steps
    events += outcome.events
    counts += outcome.counts
    coverage += outcome.coverage
    if !outcome.violations.isEmpty { note(failure: (seed, outcome)) }
  }

  private mutating func note(failure one: (seed: UInt64, outcome: Outcome)) {
    if failure.map({ one.seed < $0.seed }) ?? true { failure = one }
  }

  static func += (total: inout Tally, one: Tally) {
    total.schedules += one.schedules
    total.steps += one.steps
    total.events += one.events
    total.counts += one.counts
    total.coverage += one.coverage
    if let failure = one.failure { total.note(failure: failure) }
  }
}
