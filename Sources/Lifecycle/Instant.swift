/// A moment on the monotonic clock. The core has no clock of its own: whoever calls it says what time it is.
public struct Instant: Hashable, Comparable, Sendable {
  /// Nanoseconds since an arbitrary start, as CLOCK_MONOTONIC counts them (clock_gettime(2)).
  public var nanoseconds: UInt64

  public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

  /// This moment plus `duration`, held within what the clock can say.
  public func advanced(by duration: Duration) -> Instant {
    let (seconds, attoseconds) = duration.components
    guard seconds >= 0, attoseconds >= 0 else { return self }
    let (product, isTooLong) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, isTooLate) = product.addingReportingOverflow(UInt64(attoseconds / 1_000_000_000))
    let (result, isPastTheEnd) = nanoseconds.addingReportingOverflow(sum)
    return Instant(nanoseconds: isTooLong || isTooLate || isPastTheEnd ? .max : result)
  }

  /// The next moment after this one that is a multiple of `interval`, so that what is due every so often is due together.
  public func next(multipleOf interval: Duration) -> Instant {
    let step = UInt64(max(1, interval / .nanoseconds(1)))
    let (product, isTooLate) = (nanoseconds / step + 1).multipliedReportingOverflow(by: step)
    return Instant(nanoseconds: isTooLate ? .max : product)
  }

  /// How long ago `earlier` was; zero when it is yet to come.
  public func since(_ earlier: Instant) -> Duration {
    .nanoseconds(Int64(clamping: nanoseconds - min(nanoseconds, earlier.nanoseconds)))
  }
}
