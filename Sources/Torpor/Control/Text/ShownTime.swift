/// Times as people read them. Arguments are seconds, and seconds since 1970.
enum ShownTime {
  /// "3 min ago".
  static func ago(_ time: Double, now: Double) -> String {
    let seconds = now - time
    // A clock that was set back, or that another program reads a moment later.
    return seconds < 1 ? "now" : "\(span(seconds)) ago"
  }

  /// "in 12 min".
  static func ahead(_ time: Double, now: Double) -> String {
    time - now < 1 ? "now" : "in \(span(time - now))"
  }

  /// Whole numbers of one unit: "45 s", "12 min", "5 h", "3 d".
  static func span(_ seconds: Double) -> String {
    switch seconds {
    case ..<0: "0 s"
    case ..<120: "\(Int(seconds)) s"
    case ..<7200: "\(Int(seconds / 60)) min"
    case ..<172_800: "\(Int(seconds / 3600)) h"
    case ..<1e12: "\(Int(seconds / 86400)) d"
    default: "for ever"
    }
  }

  /// "7.0 GB". Of 1,000 bytes each, as elsewhere.
  static func bytes(_ count: Int) -> String {
    switch Double(count) {
    case ..<1e3: "\(count) B"
    case ..<1e6: "\(tenths(Double(count) / 1e3)) kB"
    case ..<1e9: "\(tenths(Double(count) / 1e6)) MB"
    default: "\(tenths(Double(count) / 1e9)) GB"
    }
  }

  /// One digit after the point, so that columns are even.
  private static func tenths(_ number: Double) -> String {
    let scaled = Int((number * 10).rounded())
    return "\(scaled / 10).\(scaled % 10)"
  }
}
