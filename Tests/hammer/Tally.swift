/// What came of the requests. `requests` is `ok` plus every kind of loss, always.
struct Tally: Sendable {
  private var lostByKind: [FailureKind: Int] = [:]
  private(set) var ok = 0
  private(set) var heldToTheEnd = 0
  /// From the beginning of connect to the first reply, a value for each connection that had one.
  private var latenciesMicroseconds: [UInt32] = []

  /// Below a second, as a SYN that was dropped is sent again after one (RFC 6298, 2.1), less the time that this misses.
  static let slowMicroseconds = 900_000

  var lost: Int { lostByKind.values.reduce(0, +) }
  var requests: Int { ok + lost }
  var slow: Int { latenciesMicroseconds.count { $0 >= Self.slowMicroseconds } }

  mutating func recordFirstReply(latencyNanoseconds: Int) {
    ok += 1
    latenciesMicroseconds.append(UInt32(clamping: latencyNanoseconds / 1000))
  }

  mutating func recordSecondReply() {
    ok += 1
    heldToTheEnd += 1
  }

  mutating func record(_ failure: Failure) {
    lostByKind[failure.kind, default: 0] += 1
  }

  mutating func add(_ other: Tally) {
    ok += other.ok
    heldToTheEnd += other.heldToTheEnd
    lostByKind.merge(other.lostByKind) { $0 + $1 }
    latenciesMicroseconds += other.latenciesMicroseconds
  }

  /// One line of JSON.
  func report(elapsedNanoseconds: Int, seed: UInt64) -> String {
    let sorted = latenciesMicroseconds.sorted()
    var fields = ["\"requests\":\(requests)", "\"ok\":\(ok)", "\"lost\":\(lost)"]
    fields += FailureKind.allCases.map { "\"\($0.rawValue)\":\(lostByKind[$0] ?? 0)" }
    fields += ["\"held\":\(heldToTheEnd)", "\"slow\":\(slow)"]
    for (name, perMille) in [("p50", 500), ("p90", 900), ("p99", 990), ("p999", 999), ("max", 1000)] {
      fields.append("\"\(name)_ms\":\(Self.percentile(perMille: perMille, of: sorted))")
    }
    let elapsed = MonotonicClock.milliseconds(fromMicroseconds: elapsedNanoseconds / 1000)
    fields += ["\"elapsed_ms\":\(elapsed)", "\"seed\":\(seed)"]
    return "{\(fields.joined(separator: ","))}"
  }

  /// The nearest-rank percentile, in milliseconds; null when nothing was measured.
  private static func percentile(perMille: Int, of sorted: [UInt32]) -> String {
    guard !sorted.isEmpty else { return "null" }
    let rank = (sorted.count * perMille + 999) / 1000
    return MonotonicClock.milliseconds(fromMicroseconds: Int(sorted[max(1, rank) - 1]))
  }
}
