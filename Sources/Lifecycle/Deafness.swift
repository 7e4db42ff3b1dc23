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

    /// The longest time between looks for somebody who waits in vain: nothing announces one.
    static let longestLookInterval = Duration.seconds(4)

    init(grace: Duration, at now: Instant) {
      self.grace = grace
      since = now
      lookInterval = grace
    }

    /// A look, asked for at `askedAt` and answered now. `isAlone`: it has no other held socket.
    mutating func judge(_ sample: Sample, askedAt: Instant, at now: Instant, isAlone: Bool) -> Verdict {
      // Who waited before it was shut down was dropped with it.
      guard askedAt > since || !waiting.isEmpty else { return .unknown }
      let hadWaiting = !waiting.isEmpty
      waiting.formIntersection(sample.queuedOnCurrent)
      guard waiting.isEmpty else {
        guard since.advanced(by: grace) <= askedAt else { return .unknown }
        // Those it has in hand are served to their end.
        if sample.accepted == 0 { return .isDeaf }
        lookLessOften()
        return .unknown
      }
      // A queue gets shorter by accept() alone: that somebody no longer waits could also mean that he has given up.
      if hadWaiting, isAlone, sample.acceptQueueLength == 0 { return .hears }
      waiting = sample.queuedOnCurrent
      since = now
      if waiting.isEmpty { lookLessOften() } else { lookInterval = grace }
      return .unknown
    }

    private mutating func lookLessOften() {
      lookInterval = max(lookInterval, min(lookInterval * 2, Self.longestLookInterval))
    }
  }
}
