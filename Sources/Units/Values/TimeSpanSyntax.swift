/// Time spans as in systemd.time(7): "30min", "1h 30s", "90", "1.5h", "infinity". Microseconds are as fine as they go.
public enum TimeSpanSyntax {
  static let second: UInt64 = 1_000_000
  /// 9e15 µs are 285 years: all that an Int64 of nanoseconds can hold.
  private static let microsecondsMax: UInt64 = 9_000_000_000_000_000

  private static func unit(_ name: String) -> UInt64? {
    switch name {
    case "us", "usec", "µs", "μs": 1
    case "ms", "msec": 1000
    case "s", "sec", "second", "seconds": second
    case "m", "min", "minute", "minutes": 60 * second
    case "h", "hr", "hour", "hours": 3600 * second
    case "d", "day", "days": 86400 * second
    case "w", "week", "weeks": 604_800 * second
    case "M", "month", "months": 2_629_800 * second
    case "y", "year", "years": 31_557_600 * second
    default: nil
    }
  }

  /// - Parameter defaultUnit: microseconds of a number without a unit.
  /// - Returns: nil: infinity.
  public static func parse(_ text: String, defaultUnit: UInt64 = 1_000_000) throws(ValueError) -> Duration? {
    let bytes = Array(text.utf8)
    var index = 0
    func skipSpace() { while index < bytes.count, bytes[index].isSpace { index += 1 } }
    if text.trimmed == "infinity" { return nil }
    skipSpace()
    guard index < bytes.count else {
      throw ValueError("a time span is expected (examples: 30min, 1h 30s, 90, infinity)")
    }
    var total: UInt64 = 0
    while index < bytes.count {
      let start = index
      let digits = number(bytes, &index)
      guard let digits else {
        throw ValueError(
          "'\(rest(bytes, start))' is not a time span: a number is expected (examples: 30min, 1h 30s, 90, infinity)",
          at: start)
      }
      skipSpace()
      let nameStart = index
      while index < bytes.count, !bytes[index].isSpace, !bytes[index].isDigit, bytes[index] != UInt8(ascii: ".") {
        index += 1
      }
      let name = String(decoding: bytes[nameStart..<index], as: UTF8.self)
      guard let unit = name.isEmpty ? defaultUnit : unit(name) else {
        throw ValueError("'\(name)' is not a unit of time (us, ms, s, min, h, d, w, M, y)", at: nameStart)
      }
      let (whole, overflows) = digits.whole.multipliedReportingOverflow(by: unit)
      // The digits behind the point, each worth a tenth of the one before it.
      var part: UInt64 = 0
      var worth = unit / 10
      for digit in digits.fraction where worth > 0 {
        part += UInt64(digit) * worth
        worth /= 10
      }
      guard !overflows, whole <= microsecondsMax, total + whole + part <= microsecondsMax else {
        throw ValueError("a time span of more than 285 years: say infinity", at: start)
      }
      total += whole + part
      skipSpace()
    }
    return .microseconds(Int64(total))
  }

  private static func rest(_ bytes: [UInt8], _ start: Int) -> String {
    String(decoding: bytes[start...], as: UTF8.self)
  }

  private static func number(_ bytes: [UInt8], _ index: inout Int) -> (whole: UInt64, fraction: [UInt8])? {
    let start = index
    var whole: UInt64 = 0
    while index < bytes.count, bytes[index].isDigit {
      // What is longer overflows on purpose to more than is allowed.
      whole = whole > .max / 100 ? .max / 10 : whole * 10 + UInt64(bytes[index] - 0x30)
      index += 1
    }
    guard index > start else { return nil }
    var fraction: [UInt8] = []
    if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
      index += 1
      while index < bytes.count, bytes[index].isDigit {
        fraction.append(bytes[index] - 0x30)
        index += 1
      }
    }
    return (whole, fraction)
  }

  /// As it is written in a unit file: "1h 30min", "0", "infinity". `parse` reads it back.
  public static func render(_ span: Duration?) -> String {
    guard let span else { return "infinity" }
    var left = span.microseconds
    guard left > 0 else { return "0" }
    var parts: [String] = []
    for (name, unit) in [
      ("w", 604_800 * second), ("d", 86400 * second), ("h", 3600 * second), ("min", 60 * second), ("s", second),
      ("ms", 1000), ("us", 1),
    ] where left >= unit {
      parts.append("\(left / unit)\(name)")
      left %= unit
    }
    return parts.joined(separator: " ")
  }
}

extension Duration {
  /// Whole microseconds; 0 for a negative one.
  var microseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    return UInt64(seconds) * 1_000_000 + UInt64(attoseconds) / 1_000_000_000_000
  }
}
