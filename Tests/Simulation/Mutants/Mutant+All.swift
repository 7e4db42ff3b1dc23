import Simulation

// To add a mutant: an edit that compiles, what it switches off, and a number of seeds some ten times that of the first schedule
// that shows it, so that a change of the schedules doesn't hide it.

extension Mutant {
  static let all =
    ofStarts + ofIdleness + ofRests + ofReturns + ofOtherSockets + ofFreezing + ofSleep + ofSuccession + ofDeafness
    + ofEnds + ofRestraint + ofRequests

  /// A source of the core.
  enum Source: String {
    case backoff = "Backoff.swift"
    case configuration = "Configuration.swift"
    case core = "Lifecycle.swift"
    case deafness = "Deafness.swift"
    case event = "Event.swift"
    case freeze = "Lifecycle+Freeze.swift"
    case giveUp = "Lifecycle+Return.swift"
    case rest = "Lifecycle+Rest.swift"
    case retry = "Lifecycle+Retry.swift"
    case requests = "Lifecycle+Requests.swift"
    case resume = "Lifecycle+Resume.swift"
    case state = "State.swift"
    case stop = "Lifecycle+Stop.swift"
    case wake = "Lifecycle+Wake.swift"
    case watch = "Lifecycle+Watch.swift"
  }

  /// What is switched off comes before how, so that the lists can be read down.
  init(
    _ name: String, _ summary: String, _ source: Source, _ original: String, _ replacement: String,
    in profile: Profile = .tcp, _ seenBy: [Invariant], _ seeds: UInt64
  ) {
    self.init(
      name: name, summary: summary, file: source.rawValue, original: original, replacement: replacement,
      profile: profile,
      seenBy: seenBy, seeds: seeds)
  }
}
