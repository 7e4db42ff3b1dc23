import Glibc

/// CLOCK_MONOTONIC in nanoseconds: the clock that a manager's journal uses too, so that a failure can be found in it.
enum MonotonicClock {
  static func nowNanoseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }

  /// Seconds with six decimals, as other tools print this clock.
  static func seconds(fromNanoseconds nanoseconds: Int) -> String {
    let microseconds = nanoseconds / 1000
    return "\(microseconds / 1_000_000).\(padded(microseconds % 1_000_000, digits: 6))"
  }

  /// Milliseconds with three decimals.
  static func milliseconds(fromMicroseconds microseconds: Int) -> String {
    "\(microseconds / 1000).\(padded(microseconds % 1000, digits: 3))"
  }

  private static func padded(_ value: Int, digits: Int) -> String {
    let text = String(value)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }
}
