import Linux

/// What tells a service whose connection a relay brings: the first bytes on it (haproxy.org, proxy-protocol.txt).
public enum ProxyProtocol: String, Sendable, CaseIterable {
  /// A line of text.
  case v1
  /// Binary.
  case v2

  /// nil addresses: none that the protocol has a form for here.
  func header(client: SocketAddress?, destination: SocketAddress?) -> [UInt8] {
    // A client that came by IPv4 to an IPv6 socket is an IPv4 client.
    let client = client.map { $0.mapped ?? $0 }
    let destination = destination.map { $0.mapped ?? $0 }
    guard let client, let destination, client.family == destination.family else {
      switch self {
      case .v1: return Array("PROXY UNKNOWN\r\n".utf8)
      case .v2: return Self.signature + [0x21, 0x00, 0, 0]
      }
    }
    switch self {
    case .v1:
      let family = client.family == .v4 ? "TCP4" : "TCP6"
      return Array("PROXY \(family) \(client.host) \(destination.host) \(client.port) \(destination.port)\r\n".utf8)
    case .v2:
      let body =
        client.bytes + destination.bytes + Self.bigEndian(client.port) + Self.bigEndian(destination.port)
      // Version 2, command PROXY; the family and STREAM; the length of what follows.
      return Self.signature + [0x21, client.family == .v4 ? 0x11 : 0x21, 0, UInt8(body.count)] + body
    }
  }

  private static let signature: [UInt8] = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]

  private static func bigEndian(_ number: UInt16) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 0xff)] }
}
