/// The time between two attempts to connect: 1 ms, doubling up to 50 ms.
struct ConnectRetry {
  private var interval = Duration.milliseconds(1)
  private static let longest = Duration.milliseconds(50)

  mutating func next(after now: UInt64) -> UInt64 {
    defer { interval = min(interval * 2, Self.longest) }
    return now + interval.nanoseconds
  }
}
