extension Lifecycle {
  /// Counts what may happen only so often, in a row.
  struct Tally: Equatable, Sendable {
    enum Verdict: Equatable {
      case within
      /// For the first time in this row.
      case reached
      case beyond
    }

    /// The last ones, as many as the limit is.
    private var moments: [Instant] = []
    private var isBeyond = false

    mutating func add(_ limit: Configuration.Limit?, at now: Instant) -> Verdict {
      guard let limit else { return .within }
      moments.append(now)
      if moments.count > limit.count { moments.removeFirst(moments.count - limit.count) }
      guard !isBeyond else { return .beyond }
      guard moments.count == limit.count, let first = moments.first, now.since(first) <= limit.interval else {
        return .within
      }
      isBeyond = true
      return .reached
    }
  }
}
