/// An IPv4 or IPv6 address, by its bytes in network order.
public struct IPAddress: Hashable, Sendable, CustomStringConvertible {
  /// 4 or 16 of them.
  public let bytes: [UInt8]

  public var isIPv6: Bool { bytes.count == 16 }

  public static let anyIPv4 = IPAddress(bytes: [UInt8](repeating: 0, count: 4))
  public static let anyIPv6 = IPAddress(bytes: [UInt8](repeating: 0, count: 16))

  private init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  /// "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1". Names are not looked up.
  public init?(_ text: String) {
    let source = Array(text.utf8)[...]
    let found = source.contains(UInt8(ascii: ":")) ? Self.version6(source) : Self.version4(source)
    guard let found else { return nil }
    bytes = found
  }

  private static func version4(_ source: ArraySlice<UInt8>) -> [UInt8]? {
    let parts = source.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var bytes: [UInt8] = []
    for part in parts {
      // inet_pton(3) takes no leading zeros: they'd be octal to some.
      guard (1...3).contains(part.count), part.allSatisfy(\.isDigit), part.count == 1 || part.first != 0x30,
        let byte = UInt8(String(decoding: part, as: UTF8.self))
      else { return nil }
      bytes.append(byte)
    }
    return bytes
  }

  private static func version6(_ source: ArraySlice<UInt8>) -> [UInt8]? {
    var head: [UInt8] = []
    var tail: [UInt8] = []
    var isAfterGap = false
    var rest = source
    if rest.starts(with: "::".utf8) {
      isAfterGap = true
      rest = rest.dropFirst(2)
    }
    while !rest.isEmpty {
      let group = rest.prefix { $0 != UInt8(ascii: ":") }
      rest = rest.dropFirst(group.count)
      var bytes: [UInt8]
      if group.contains(UInt8(ascii: ".")) {
        guard rest.isEmpty, let last = version4(group) else { return nil }
        bytes = last
      } else {
        guard (1...4).contains(group.count), group.allSatisfy({ $0.hexadecimal != nil }),
          let value = UInt16(String(decoding: group, as: UTF8.self), radix: 16)
        else { return nil }
        bytes = [UInt8(value >> 8), UInt8(value & 255)]
      }
      if isAfterGap { tail += bytes } else { head += bytes }
      guard !rest.isEmpty else { break }
      rest = rest.dropFirst()
      if rest.first == UInt8(ascii: ":") {
        guard !isAfterGap else { return nil }
        isAfterGap = true
        rest = rest.dropFirst()
      } else if rest.isEmpty {
        return nil
      }
    }
    let missing = 16 - head.count - tail.count
    guard isAfterGap ? missing >= 2 : missing == 0 else { return nil }
    return head + [UInt8](repeating: 0, count: missing) + tail
  }

  public var description: String {
    guard isIPv6 else { return bytes.map(String.init).joined(separator: ".") }
    let groups = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
    if bytes.starts(with: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255]) {
      return "::ffff:" + bytes[12...].map(String.init).joined(separator: ".")
    }
    // RFC 5952: the longest run of two or more zero groups, the first of equals.
    var best = 0..<0
    var start = 0
    while start < 8 {
      var end = start
      while end < 8, groups[end] == 0 { end += 1 }
      if end - start > max(best.count, 1) { best = start..<end }
      start = max(end, start + 1)
    }
    func hexadecimal(_ range: Range<Int>) -> String {
      groups[range].map { String($0, radix: 16) }.joined(separator: ":")
    }
    guard !best.isEmpty else { return hexadecimal(0..<8) }
    return hexadecimal(0..<best.lowerBound) + "::" + hexadecimal(best.upperBound..<8)
  }
}

/// A range of addresses: "10.0.0.0/8", "::1".
public struct AddressRange: Hashable, Sendable, CustomStringConvertible {
  /// The bits behind the prefix are 0.
  public let address: IPAddress
  public let prefixLength: Int

  /// An address with or without a length.
  public init?(_ text: String) {
    let halves = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = halves.first, let address = IPAddress(String(first)) else { return nil }
    var length = address.bytes.count * 8
    if halves.count == 2 {
      guard halves[1].utf8.allSatisfy(\.isDigit), let given = Int(halves[1]), given <= length else { return nil }
      length = given
    }
    var bytes = address.bytes
    for index in bytes.indices {
      let bits = min(max(length - index * 8, 0), 8)
      bytes[index] &= UInt8(truncatingIfNeeded: 0xFF00 >> bits)
    }
    guard let masked = IPAddress(bytes) else { return nil }
    self.address = masked
    prefixLength = length
  }

  /// One or more ranges by a name that systemd has for them, or by themselves.
  static func named(_ word: String) -> [AddressRange]? {
    let texts: [String]
    switch word {
    case "any": texts = ["0.0.0.0/0", "::/0"]
    case "localhost": texts = ["127.0.0.0/8", "::1/128"]
    case "link-local": texts = ["169.254.0.0/16", "fe80::/64"]
    case "multicast": texts = ["224.0.0.0/4", "ff00::/8"]
    default: return AddressRange(word).map { [$0] }
    }
    return texts.compactMap { AddressRange($0) }
  }

  /// Whether an address, given by its bytes, is in it.
  public func contains(_ bytes: some Collection<UInt8>) -> Bool {
    guard bytes.count == address.bytes.count else { return false }
    for (index, pair) in zip(bytes, address.bytes).enumerated() {
      let bits = min(max(prefixLength - index * 8, 0), 8)
      if pair.0 & UInt8(truncatingIfNeeded: 0xFF00 >> bits) != pair.1 { return false }
    }
    return true
  }

  public var description: String { "\(address)/\(prefixLength)" }
}

extension IPAddress {
  /// By 4 or 16 bytes.
  public init?(_ bytes: [UInt8]) {
    guard bytes.count == 4 || bytes.count == 16 else { return nil }
    self.init(bytes: bytes)
  }
}
