extension Lifecycle {
  /// A service has shut a listening socket down, and we listen again. It may have begun to leave, or it may go on accepting as if
  /// nothing had happened: only those who wait can tell.
  struct Deafness: Equatable, Sendable {
    enum Verdict: Equatable, Sendable {
      case unknown
      /// It has accepted since.
      case hears
      /// Somebody has waited for the whole grace, and nothing else keeps it.
      case isDeaf
    }

    /// Who has waited since then.
    private(set) var waiting: Set<UInt64> = []
    private(set) var since: Instant
    /// Until the next look.
    private(set) var lookInterval: Duration
    private let grace: Duration
    private let begunAt: Instant
    /// What it had in hand at the last look.
    private var accepted: Int?

    /// The longest time between looks for somebody who waits in vain, as nothing announces one. It grows with the time since, to
    /// 1/64 of that, so that a service that goes on for ever costs little.
    static let longestLookIntervals = Duration.seconds(4)...Duration.seconds(60)

    init(grace: Duration, at now: Instant) {
      self.grace = grace
      begunAt = now
      since = now
      lookInterval = grace
    }

    /// A look, asked for at `askedAt` and answered now. `isAlone`: it has no other held socket.
    mutating func judge(_ sample: Sample, askedAt: Instant, at now: Instant, isAlone: Bool) -> Verdict {
      // Who waited before it was shut down was dropped with it.
      guard askedAt > since || !waiting.isEmpty else { return .unknown }
      // More than at a look after it was shut down: it has accepted.
      let hasAccepted = accepted.map { sample.accepted > $0 } ?? false
      if hasAccepted, isAlone, sample.queuedOnCurrent.isEmpty { return .hears }
      accepted = sample.accepted
      let hadWaiting = !waiting.isEmpty
      waiting.formIntersection(sample.queuedOnCurrent)
      guard waiting.isEmpty else {
        guard since.advanced(by: grace) <= askedAt else { return .unknown }
        // Those it has in hand are served to their end.
        if sample.accepted == 0 { return .isDeaf }
        lookLessOften(at: now)
        return .unknown
      }
      // A queue gets shorter by accept() alone: that somebody no longer waits could also mean that he has given up.
      if hadWaiting, isAlone, sample.acceptQueueLength == 0 { return .hears }
      waiting = sample.queuedOnCurrent
      since = now
      if waiting.isEmpty { lookLessOften(at: now) } else { lookInterval = grace }
      return .unknown
    }

    private mutating func lookLessOften(at now: Instant) {
      let limits = Self.longestLookIntervals
      let longest = min(max(limits.lowerBound, now.since(begunAt) / 64), limits.upperBound)
      lookInterval = max(lookInterval, min(lookInterval * 2, longest))
    }
  }
}
