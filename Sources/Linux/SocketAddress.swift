import CLinux
import Glibc

/// An IPv4 or IPv6 address with a port.
public struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
  public enum Family: UInt8, Hashable, Sendable {
    case v4 = 2
    case v6 = 10

    public init?(number: Int32) {
      guard let number = UInt8(exactly: number), let family = Family(rawValue: number) else { return nil }
      self = family
    }
  }

  public let family: Family
  /// The address as one number, of IPv4 in the last 32 bits. In place, as a dump of the kernel's sockets has tens of thousands.
  private let high: UInt64
  private let low: UInt64
  public var port: UInt16
  /// An IPv6 link-local address's interface (sin6_scope_id), else 0.
  public let scope: UInt32

  public init(family: Family, bytes: [UInt8], port: UInt16, scope: UInt32 = 0) {
    precondition(bytes.count == (family == .v4 ? 4 : 16))
    func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
    self.init(family: family, high: number(bytes.dropLast(8)), low: number(bytes.suffix(8)), port: port, scope: scope)
  }

  init(family: Family, high: UInt64, low: UInt64, port: UInt16, scope: UInt32 = 0) {
    self.family = family
    self.high = high
    self.low = low
    self.port = port
    self.scope = scope
  }

  /// In network order: 4 or 16.
  public var bytes: [UInt8] {
    func bytes(_ number: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) } }
    return family == .v4 ? Array(bytes(low).suffix(4)) : bytes(high) + bytes(low)
  }

  /// A numeric address: "127.0.0.1", "::1", "fe80::1%eth0". Names aren't looked up: that would block, and could change.
  public init?(text: String, port: UInt16) {
    var address = text
    var scope: UInt32 = 0
    if let percent = text.firstIndex(of: "%") {
      let interface = String(text[text.index(after: percent)...])
      address = String(text[..<percent])
      scope = unsafe UInt32(interface) ?? if_nametoindex(interface)
      guard scope != 0 else { return nil }
    }
    for family in [Family.v4, .v6] {
      var bytes = [UInt8](repeating: 0, count: family == .v4 ? 4 : 16)
      if unsafe inet_pton(Int32(family.rawValue), address, &bytes) == 1 {
        guard family == .v6 || scope == 0 else { return nil }
        self.init(family: family, bytes: bytes, port: port, scope: scope)
        // Of any other address than these the kernel ignores the interface (::1%lo), and tells of none.
        if !Self.isOfInterface(high: high) { self.init(family: family, bytes: bytes, port: port) }
        return
      }
    }
    return nil
  }

  public static func loopback(_ family: Family, port: UInt16) -> SocketAddress {
    SocketAddress(
      family: family, bytes: family == .v4 ? [127, 0, 0, 1] : [UInt8](repeating: 0, count: 15) + [1], port: port)
  }

  public static func any(_ family: Family, port: UInt16) -> SocketAddress {
    SocketAddress(family: family, bytes: [UInt8](repeating: 0, count: family == .v4 ? 4 : 16), port: port)
  }

  public var isAny: Bool { high == 0 && low == 0 }

  /// fe80::/10 and ff00::/8: each interface has these IPv6 addresses for itself.
  static func isOfInterface(high: UInt64) -> Bool { high >> 54 == 0x3fa || high >> 56 == 0xff }

  /// ::ffff:127.0.0.1 is 127.0.0.1 to whoever asks about IPv4; nil for any other IPv6 address.
  public var mapped: SocketAddress? {
    guard family == .v6, high == 0, low >> 32 == 0xffff else { return nil }
    return SocketAddress(family: .v4, high: 0, low: low & 0xffff_ffff, port: port)
  }

  /// "127.0.0.1" or "::1".
  public var host: String {
    var buffer = [CChar](repeating: 0, count: 64)
    guard unsafe inet_ntop(Int32(family.rawValue), bytes, &buffer, socklen_t(buffer.count)) != nil else { return "?" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// "127.0.0.1:6379" or "[::1]:6379".
  public var description: String {
    let interface = scope == 0 ? "" : "%\(scope)"
    return family == .v4 ? "\(host):\(port)" : "[\(host)\(interface)]:\(port)"
  }

  /// As a process laid it out for bind(2). nil when it is neither AF_INET nor AF_INET6.
  public init?(sockaddr: [UInt8]) {
    var bytes = [UInt8](repeating: 0, count: 16)
    var port: UInt16 = 0
    let number = unsafe cl_parse_inet(sockaddr, sockaddr.count, &bytes, &port)
    guard let family = Family(number: number) else { return nil }
    self.init(family: family, bytes: Array(bytes.prefix(family == .v4 ? 4 : 16)), port: port)
  }
}
