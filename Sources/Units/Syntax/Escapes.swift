/// C's escape sequences, as systemd's cunescape_one reads them.
enum Escapes {
  /// What stands behind a backslash, decoded, and how many bytes it took; nil: no escape sequence that is known.
  static func decode(_ rest: ArraySlice<UInt8>) -> (bytes: [UInt8], count: Int)? {
    guard let first = rest.first else { return nil }
    switch first {
    case UInt8(ascii: "a"): return ([0x07], 1)
    case UInt8(ascii: "b"): return ([0x08], 1)
    case UInt8(ascii: "f"): return ([0x0C], 1)
    case UInt8(ascii: "n"): return ([0x0A], 1)
    case UInt8(ascii: "r"): return ([0x0D], 1)
    case UInt8(ascii: "t"): return ([0x09], 1)
    case UInt8(ascii: "v"): return ([0x0B], 1)
    case UInt8(ascii: "s"): return ([0x20], 1)
    case .backslash, UInt8(ascii: "\""), UInt8(ascii: "'"): return ([first], 1)
    case UInt8(ascii: "x"):
      // A byte, not a character.
      guard let value = number(rest.dropFirst(), digits: 2, base: 16), value != 0 else { return nil }
      return ([UInt8(value)], 3)
    case UInt8(ascii: "u"): return scalar(rest.dropFirst(), digits: 4)
    case UInt8(ascii: "U"): return scalar(rest.dropFirst(), digits: 8)
    case 0x30...0x37:
      guard let value = number(rest, digits: 3, base: 8), value != 0, value <= 255 else { return nil }
      return ([UInt8(value)], 3)
    default: return nil
    }
  }

  private static func scalar(_ rest: ArraySlice<UInt8>, digits: Int) -> (bytes: [UInt8], count: Int)? {
    guard let value = number(rest, digits: digits, base: 16), value != 0, let scalar = Unicode.Scalar(value) else {
      return nil
    }
    return (Array(String(scalar).utf8), digits + 1)
  }

  private static func number(_ rest: ArraySlice<UInt8>, digits: Int, base: UInt32) -> UInt32? {
    guard rest.count >= digits else { return nil }
    var value: UInt32 = 0
    for byte in rest.prefix(digits) {
      guard let digit = byte.hexadecimal, UInt32(digit) < base else { return nil }
      // Eight hexadecimal digits fill it and no more.
      value = value &* base &+ UInt32(digit)
    }
    return value
  }
}
