/// systemd's time spans (systemd.time(7)): "30min", "1h 30s", "90" (seconds), "1.5h", "infinity".
public enum TimeSpan {
  /// A span that can't be read, and where.
  public struct Malformed: Error, Equatable, Sendable, CustomStringConvertible {
    public let text: String
    public let reason: String

    public var description: String {
      "'\(text)' is not a time span: \(reason) (examples: 30min, 1h 30s, 90, infinity)"
    }
  }

  /// Microseconds of each unit, which is as fine as systemd's spans go.
  private static let units: [(names: [String], microseconds: Double)] = [
    (["us", "usec", "µs", "μs"], 1), (["ms", "msec"], 1e3), (["s", "sec", "second", "seconds"], 1e6),
    (["m", "min", "minute", "minutes"], 6e7), (["h", "hr", "hour", "hours"], 3.6e9),
    (["d", "day", "days"], 8.64e10), (["w", "week", "weeks"], 6.048e11),
    (["M", "month", "months"], 2_629_800e6), (["y", "year", "years"], 31_557_600e6),
  ]

  /// `nil`: infinity.
  public static func parse(_ text: String) throws(Malformed) -> Duration? {
    func malformed(_ reason: String) -> Malformed { Malformed(text: text, reason: reason) }
    var rest = Substring(text.drop { $0 == " " })
    while rest.last == " " { rest.removeLast() }
    if rest == "infinity" { return nil }
    guard !rest.isEmpty else { throw malformed("it is empty") }
    var microseconds = 0.0
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
      guard let number = Double(digits), digits.first != "." else {
        throw malformed("a number is expected at '\(rest)'")
      }
      rest = rest.dropFirst(digits.count).drop { $0 == " " }
      let name = rest.prefix { !$0.isWhitespace && !($0.isASCII && $0.isNumber) }
      rest = rest.dropFirst(name.count).drop { $0 == " " }
      if name.isEmpty {
        microseconds += number * 1e6
      } else if let unit = units.first(where: { $0.names.contains(String(name)) }) {
        microseconds += number * unit.microseconds
      } else {
        throw malformed("'\(name)' is not a unit of time")
      }
    }
    // 9e15 µs are 285 years: all that an Int64 of nanoseconds can hold.
    guard microseconds < 9e15 else { throw malformed("it is longer than 285 years; say infinity") }
    return .microseconds(Int64(microseconds.rounded()))
  }

  /// As people read it: "5 s", "8.1 ms", "30 min".
  public static func describe(_ duration: Duration) -> String {
    let seconds = seconds(duration)
    switch seconds {
    case ..<0.001: return "\(tenths(seconds * 1e6)) µs"
    case ..<1: return "\(tenths(seconds * 1e3)) ms"
    case ..<120: return "\(tenths(seconds)) s"
    case ..<7200: return "\(tenths(seconds / 60)) min"
    default: return "\(tenths(seconds / 3600)) h"
    }
  }

  public static func seconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
  }

  /// One digit after the point, none if it would be 0 or the number is large.
  static func tenths(_ number: Double) -> String {
    let rounded = (number * 10).rounded() / 10
    if rounded >= 100 || rounded == rounded.rounded() { return "\(Int(rounded.rounded()))" }
    return "\(rounded)"
  }
}
