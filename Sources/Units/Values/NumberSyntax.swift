/// Booleans, numbers, sizes, modes and percentages, as systemd writes them.
enum NumberSyntax {
  static func boolean(_ text: String) -> Bool? {
    switch text.utf8.count <= 5 ? text.lowercased() : "" {
    case "1", "yes", "y", "true", "t", "on": true
    case "0", "no", "n", "false", "f", "off": false
    default: nil
    }
  }

  /// Decimal, 0x…, 0b…, 0o… or octal with a leading 0, as strtoul(3) and systemd read numbers.
  static func unsigned(_ text: String) -> UInt64? {
    let bytes = Array(text.utf8)
    guard let first = bytes.first, first.isDigit else { return nil }
    guard bytes.count > 1, first == UInt8(ascii: "0") else { return UInt64(text) }
    let rest = String(decoding: bytes[2...], as: UTF8.self)
    guard rest.utf8.first != UInt8(ascii: "+"), rest.utf8.first != UInt8(ascii: "-") else { return nil }
    switch bytes[1] | 0x20 {
    case UInt8(ascii: "x"): return UInt64(rest, radix: 16)
    case UInt8(ascii: "b"): return UInt64(rest, radix: 2)
    case UInt8(ascii: "o"): return UInt64(rest, radix: 8)
    default: return UInt64(String(decoding: bytes[1...], as: UTF8.self), radix: 8)
    }
  }

  static func signed(_ text: String) -> Int64? {
    if text.utf8.first == UInt8(ascii: "-") {
      return unsigned(String(text.dropFirst())).flatMap { $0 <= Int64.max ? -Int64($0) : nil }
    }
    let digits = text.utf8.first == UInt8(ascii: "+") ? String(text.dropFirst()) : text
    return unsigned(digits).flatMap { Int64(exactly: $0) }
  }

  /// An octal file mode up to 07777.
  static func mode(_ text: String) -> UInt32? {
    let bytes = text.utf8
    guard !bytes.isEmpty, bytes.count <= 6, bytes.allSatisfy({ $0 >= 0x30 && $0 <= 0x37 }) else { return nil }
    return UInt32(text, radix: 8).flatMap { $0 <= 0o7777 ? $0 : nil }
  }

  /// "64K", "1.5M", "1G 512M": bytes, to the base of 1024. Each part is of a smaller unit than the one before it.
  static func size(_ text: String) throws(ValueError) -> UInt64 {
    let bytes = Array(text.utf8)
    var index = 0
    var total: UInt64 = 0
    var lastShift = 70
    func skipSpace() { while index < bytes.count, bytes[index].isSpace { index += 1 } }
    func malformed(_ reason: String) -> ValueError {
      ValueError("'\(text)' is not a size: \(reason) (examples: 4096, 64K, 1.5M, 2G)", at: min(index, bytes.count))
    }
    repeat {
      skipSpace()
      let start = index
      var whole: UInt64 = 0
      while index < bytes.count, bytes[index].isDigit {
        let (ten, overflows) = whole.multipliedReportingOverflow(by: 10)
        let (sum, overflowsToo) = ten.addingReportingOverflow(UInt64(bytes[index] - 0x30))
        guard !overflows, !overflowsToo else { throw malformed("it is too large") }
        whole = sum
        index += 1
      }
      guard index > start else { throw malformed("a number is expected") }
      var fraction = 0.0
      if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
        index += 1
        var worth = 0.1
        while index < bytes.count, bytes[index].isDigit {
          fraction += Double(bytes[index] - 0x30) * worth
          worth /= 10
          index += 1
        }
      }
      skipSpace()
      var shift = 0
      if index < bytes.count, !bytes[index].isDigit {
        guard let found = Array("BKMGTPE".utf8).firstIndex(of: bytes[index]) else {
          throw malformed("units are K, M, G, T, P and E")
        }
        shift = found * 10
        index += 1
      }
      guard shift < lastShift else { throw malformed("its parts are not in descending order") }
      lastShift = shift
      guard whole <= UInt64.max >> UInt64(shift) else { throw malformed("it is too large") }
      let part = (whole << UInt64(shift)).addingReportingOverflow(UInt64(fraction * Double(UInt64(1) << UInt64(shift))))
      let (sum, overflows) = total.addingReportingOverflow(part.partialValue)
      guard !part.overflow, !overflows else { throw malformed("it is too large") }
      total = sum
      skipSpace()
    } while index < bytes.count
    return total
  }

  /// "5%", "0.25%": hundredths of a percent.
  static func percentage(_ text: String) -> UInt32? {
    guard text.utf8.last == UInt8(ascii: "%") else { return nil }
    let halves = text.dropLast().split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let digits = halves.first, let whole = UInt32(digits), digits.utf8.allSatisfy(\.isDigit), whole <= 1_000_000
    else {
      return nil
    }
    guard halves.count == 2 else { return whole * 100 }
    let fraction = halves[1]
    guard (1...2).contains(fraction.utf8.count), fraction.utf8.allSatisfy(\.isDigit), let hundredths = UInt32(fraction)
    else { return nil }
    return whole * 100 + (fraction.utf8.count == 1 ? hundredths * 10 : hundredths)
  }
}
