/// An RST makes the kernel forget what is unsent. So whoever is about to be told of the other side's death by one gets what it
/// was sent before, as long as it takes some of it now and then.
struct Farewell {
  private(set) var lookAt: UInt64 = 0
  private var unsent = Int.max
  private var progressAt: UInt64 = 0
  private var interval = Duration.milliseconds(10)
  private static let patience = Duration.seconds(30)

  mutating func waits(forUnsent bytes: Int, at now: UInt64) -> Bool {
    if bytes < unsent {
      unsent = bytes
      progressAt = now
    }
    guard bytes > 0, now < progressAt + Self.patience.nanoseconds else { return false }
    lookAt = now + interval.nanoseconds
    interval = min(interval * 2, .seconds(1))
    return true
  }
}
