/// Addresses with the same first bits: "10.0.0.0/8", "fd00::/8", or a single one, "127.0.0.1".
public struct SourceRange: Hashable, Sendable, CustomStringConvertible {
  private let address: SocketAddress
  private let bitCount: Int

  /// nil: it is no such text, or bits beyond the prefix are set, which is more often a slip than meant.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let address = SocketAddress(text: String(parts[0]), port: 0), address.scope == 0 else { return nil }
    let width = address.bytes.count * 8
    if parts.count == 2 {
      guard parts[1].allSatisfy({ $0.isASCII && $0.isNumber }), let count = Int(parts[1]), count <= width else {
        return nil
      }
      bitCount = count
    } else {
      bitCount = width
    }
    self.address = address
    guard (bitCount..<width).allSatisfy({ !Self.bit($0, of: address.bytes) }) else { return nil }
  }

  /// Whatever its port. An IPv4 client of a dual-stack listener is an IPv4 address, too.
  public func contains(_ other: SocketAddress) -> Bool {
    let other = other.mapped ?? other
    guard other.family == address.family else { return false }
    let (whole, rest) = bitCount.quotientAndRemainder(dividingBy: 8)
    guard address.bytes[..<whole] == other.bytes[..<whole] else { return false }
    return rest == 0 || (address.bytes[whole] ^ other.bytes[whole]) >> (8 - UInt8(rest)) == 0
  }

  private static func bit(_ index: Int, of bytes: [UInt8]) -> Bool {
    bytes[index / 8] >> (7 - UInt8(index % 8)) & 1 == 1
  }

  public var description: String { bitCount == address.bytes.count * 8 ? address.host : "\(address.host)/\(bitCount)" }
}
