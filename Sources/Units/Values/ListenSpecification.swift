/// One socket of a socket unit: `ListenStream=` and its kin, in systemd's forms.
public struct ListenSpecification: Equatable, Sendable, CustomStringConvertible {
  public enum Kind: String, Sendable, CaseIterable {
    case stream, datagram, sequentialPacket, fifo
  }

  public enum Address: Equatable, Sendable {
    /// Every address of the machine; IPv4, too, unless `BindIPv6Only=ipv6-only`.
    case port(UInt16)
    /// With the interface that a link-local address needs.
    case ip(IPAddress, port: UInt16, scope: String?)
    /// An absolute path without `.`, `..` and doubled slashes.
    case path(String)
    /// A name in the abstract namespace, without its `@`.
    case abstract(String)
  }

  public let kind: Kind
  public let address: Address

  public init(kind: Kind, address: Address) {
    self.kind = kind
    self.address = address
  }

  var isUDP: Bool {
    switch address {
    case .port, .ip: kind == .datagram
    case .path, .abstract: false
    }
  }

  /// sun_path without its NUL.
  private static let pathBytesMax = 107

  public init(_ text: String, kind: Kind) throws(ValueError) {
    self.kind = kind
    let first = text.utf8.first
    if first == UInt8(ascii: "/") {
      let path = try PathSyntax.plain(text)
      guard kind == .fifo || path.utf8.count <= Self.pathBytesMax else {
        throw ValueError("a socket's path has at most \(Self.pathBytesMax) bytes, and '\(path)' has \(path.utf8.count)")
      }
      address = .path(path)
      return
    }
    guard kind != .fifo else { throw ValueError("a FIFO is an absolute path, and '\(text)' is none") }
    if first == UInt8(ascii: "@") {
      let name = String(text.dropFirst())
      guard !name.isEmpty, name.utf8.count <= Self.pathBytesMax else {
        throw ValueError("an abstract name has 1 to \(Self.pathBytesMax) bytes behind its '@'")
      }
      address = .abstract(name)
      return
    }
    if text.hasPrefix("vsock:") { throw ValueError("AF_VSOCK sockets can't be held") }
    address = try Self.network(text)
    guard kind != .sequentialPacket else {
      throw ValueError("only unix sockets (/PATH, @NAME) can be of the kind SOCK_SEQPACKET")
    }
  }

  /// "80", "192.0.2.1:80", "[2001:db8::1]:80", "[fe80::1]:80%eth0".
  private static func network(_ text: String) throws(ValueError) -> Address {
    let bytes = text.utf8
    if !bytes.isEmpty, bytes.allSatisfy(\.isDigit) { return .port(try port(text, at: 0)) }
    if bytes.first == UInt8(ascii: "[") {
      guard let end = bytes.firstIndex(of: UInt8(ascii: "]")) else { throw ValueError("']' is missing") }
      let host = String(text[text.index(after: text.startIndex)..<end])
      guard let address = IPAddress(host), address.isIPv6 else {
        throw ValueError("'\(host)' is not an IPv6 address", at: 1)
      }
      let rest = text[bytes.index(after: end)...]
      let restOffset = bytes.distance(from: bytes.startIndex, to: end) + 1
      guard rest.hasPrefix(":") else { throw ValueError("a port is expected behind ']'", at: restOffset) }
      let halves = rest.dropFirst().split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
      let number = try port(halves.first.map(String.init) ?? "", at: restOffset + 1)
      let scope = halves.count == 2 ? String(halves[1]) : nil
      // IFNAMSIZ with its NUL is 16.
      if let scope, scope.isEmpty || scope.utf8.count > 15 {
        throw ValueError("'\(scope)' is not the name of a network interface", at: restOffset)
      }
      return .ip(address, port: number, scope: scope)
    }
    guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")) else {
      throw ValueError("'\(text)' is not an address: \(forms)")
    }
    let host = String(text[..<colon])
    if host.utf8.contains(UInt8(ascii: ":")) {
      throw ValueError("'\(text)' is not an address: an IPv6 address is written in brackets, [::1]:80")
    }
    guard let address = IPAddress(host) else {
      throw ValueError("'\(text)' is not an address: \(forms); names are not looked up")
    }
    let digits = String(text[bytes.index(after: colon)...])
    return .ip(address, port: try port(digits, at: bytes.distance(from: bytes.startIndex, to: colon) + 1), scope: nil)
  }

  private static let forms = "PORT, IPV4:PORT, [IPV6]:PORT, /PATH or @NAME is expected"

  private static func port(_ digits: String, at offset: Int) throws(ValueError) -> UInt16 {
    guard digits.utf8.first?.isDigit == true, let port = UInt16(digits), port > 0 else {
      throw ValueError("'\(digits)' is not a port: a number from 1 to 65535 is expected", at: offset)
    }
    return port
  }

  /// As it is written in a unit file; `init` reads it back.
  public var description: String {
    switch address {
    case .port(let port): "\(port)"
    case .ip(let address, let port, let scope):
      (address.isIPv6 ? "[\(address)]:\(port)" : "\(address):\(port)") + (scope.map { "%" + $0 } ?? "")
    case .path(let path): path
    case .abstract(let name): "@" + name
    }
  }

  /// Whether connections can be accepted on it.
  public var isConnectionOriented: Bool {
    switch kind {
    case .stream, .sequentialPacket: true
    case .datagram, .fifo: false
    }
  }
}
