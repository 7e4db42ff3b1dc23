import Glibc

/// What the clock on the wall shows, for days to begin at local midnight.
struct LocalTime: Sendable {
  /// Seconds to add to UTC at a moment, in seconds since 1970.
  let offset: @Sendable (Int) -> Int

  /// The system's own zone, or that of TZ.
  static let system = LocalTime { moment in
    var time = time_t(moment)
    var parts = unsafe tm()
    guard unsafe localtime_r(&time, &parts) != nil else { return 0 }
    return unsafe parts.tm_gmtoff
  }

  static let utc = LocalTime { _ in 0 }

  /// Hours of local time since 1970.
  func hour(of seconds: Double) -> Int {
    // Whatever a file says: this is a year that localtime(3) knows.
    let moment = Int(min(max(seconds.isNaN ? 0 : seconds, 0), 253_402_300_799))
    return (moment + offset(moment)) / 3600
  }
}
