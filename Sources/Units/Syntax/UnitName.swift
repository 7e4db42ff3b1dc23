/// A unit's name: "redis.socket", "postgresql@15-main.service", "getty@.service".
public struct UnitName: Hashable, Sendable, CustomStringConvertible {
  public enum Kind: String, Sendable, CaseIterable {
    case service, socket, torpor
  }

  /// The whole of it, with its suffix.
  public let description: String
  /// Before the first `@`, or all but the suffix.
  public let prefix: String
  /// Between the first `@` and the suffix; "": a template. nil: there is no `@`.
  public let instance: String?
  public let kind: Kind

  /// nil: it isn't a name that systemd would take, or of a kind that isn't read here.
  public init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count <= 255, let dot = bytes.lastIndex(of: UInt8(ascii: ".")), dot > 0 else { return nil }
    guard let kind = Kind(rawValue: String(decoding: bytes[(dot + 1)...], as: UTF8.self)) else { return nil }
    let stem = bytes[..<dot]
    guard stem.allSatisfy({ Self.isValid($0) || $0 == UInt8(ascii: "@") }), stem.first != UInt8(ascii: "@") else {
      return nil
    }
    description = text
    self.kind = kind
    if let at = stem.firstIndex(of: UInt8(ascii: "@")) {
      prefix = String(decoding: stem[..<at], as: UTF8.self)
      instance = String(decoding: stem[(at + 1)...], as: UTF8.self)
    } else {
      prefix = String(decoding: stem, as: UTF8.self)
      instance = nil
    }
  }

  private init(prefix: String, instance: String?, kind: Kind) {
    self.prefix = prefix
    self.instance = instance
    self.kind = kind
    description = prefix + (instance.map { "@" + $0 } ?? "") + "." + kind.rawValue
  }

  /// "name@.service": it has to be given an instance.
  public var isTemplate: Bool { instance == "" }
  /// Without the suffix.
  public var stem: String { prefix + (instance.map { "@" + $0 } ?? "") }
  /// "name@.service" for "name@instance.service"; nil if there is no instance.
  public var template: UnitName? {
    guard let instance, !instance.isEmpty else { return nil }
    return UnitName(prefix: prefix, instance: "", kind: kind)
  }

  public func with(kind: Kind) -> UnitName { UnitName(prefix: prefix, instance: instance, kind: kind) }
  public func with(instance: String?) -> UnitName { UnitName(prefix: prefix, instance: instance, kind: kind) }

  /// systemd's VALID_CHARS.
  static func isValid(_ byte: UInt8) -> Bool {
    byte.isDigit || byte.isLetter || byte == UInt8(ascii: ":") || byte == UInt8(ascii: "-")
      || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".") || byte == .backslash
  }

  /// Any string as a part of a unit's name: `/` becomes `-`, what isn't allowed `\xNN`. systemd-escape(1).
  public static func escape(_ text: String) -> String {
    var bytes: [UInt8] = []
    for (index, byte) in text.utf8.enumerated() {
      if byte == UInt8(ascii: "/") {
        bytes.append(UInt8(ascii: "-"))
      } else if !isValid(byte) || byte == UInt8(ascii: "-") || byte == .backslash
        || (index == 0 && byte == UInt8(ascii: "."))
      {
        let digits = Array("0123456789abcdef".utf8)
        bytes += [.backslash, UInt8(ascii: "x"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The opposite of `escape`; nil where an escape is malformed or the result isn't UTF-8.
  public static func unescape(_ text: String) -> String? {
    let source = Array(text.utf8)
    var bytes: [UInt8] = []
    var index = 0
    while index < source.count {
      let byte = source[index]
      index += 1
      if byte == UInt8(ascii: "-") {
        bytes.append(UInt8(ascii: "/"))
      } else if byte == .backslash {
        guard index + 2 < source.count, source[index] == UInt8(ascii: "x"), let high = source[index + 1].hexadecimal,
          let low = source[index + 2].hexadecimal
        else { return nil }
        bytes.append(high << 4 | low)
        index += 3
      } else {
        bytes.append(byte)
      }
    }
    guard !bytes.contains(0) else { return nil }
    return String(validating: bytes, as: UTF8.self)
  }

  /// A path as a part of a unit's name: "/run/a b" is "run-a\x20b", "/" is "-".
  public static func escape(path: String) -> String {
    let parts = path.split(separator: "/", omittingEmptySubsequences: true)
    return parts.isEmpty ? "-" : escape(parts.joined(separator: "/"))
  }

  /// The absolute path that a part of a name means.
  public static func unescape(path: String) -> String? {
    path == "-" ? "/" : unescape(path).map { "/" + $0 }
  }
}
