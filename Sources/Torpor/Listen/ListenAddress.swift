import Linux

/// An address to hold, as a person writes it: "8080", "127.0.0.1:8080", "[::1]:8080", "*:8080", "udp:53", "/run/x.sock",
/// "@name", "seqpacket:/run/x.sock", "dgram:@name", "fifo:/run/x".
public struct ListenAddress: Equatable, Sendable {
  public struct Malformed: Error, Equatable, Sendable, CustomStringConvertible {
    public let text: String
    public let reason: String
    public var description: String {
      "'\(text)' is not an address to listen on: \(reason) (examples: 8080, 127.0.0.1:8080, [::1]:8080, *:8080, udp:53, /run/x.sock, @name, "
        + "seqpacket:/run/x.sock, dgram:/run/x.sock, fifo:/run/x)"
    }
  }

  /// One socket of it.
  public struct Socket: Equatable, Sendable {
    public let address: SocketAddress
    public internal(set) var isIPv6Only: Bool
    /// Left out without a word on a machine that has no IPv6.
    public let isOptional: Bool
    /// What to hold where this one can't be, as there is no IPv6.
    public var fallback: SocketAddress?

    /// The same beside `others` that are held: where IPv4's wildcard is among them, IPv6's is for IPv6 alone, as the kernel
    /// lets nobody have IPv4's twice.
    func beside(_ others: [Socket]) -> Socket {
      guard address == .any(.v6, port: address.port),
        others.contains(where: { $0.address == .any(.v4, port: address.port) })
      else { return self }
      return Socket(address: address, isIPv6Only: true, isOptional: isOptional || fallback != nil)
    }
  }

  public enum Kind: Equatable, Sendable {
    case tcp([Socket])
    case udp([Socket])
    /// A path, in its plainest form, or an abstract name.
    case unix(UnixAddress, UnixSocket.Kind)
    /// A path.
    case fifo(UnixAddress)
  }

  public let text: String
  public private(set) var kind: Kind
  /// What the service knows its sockets by; nil: by the service's own name.
  public internal(set) var name: String?
  /// What else is asked of its sockets.
  public internal(set) var settings = SocketSettings()
  /// Of its path; nil: as `ServiceOptions.socketAccess` says.
  var access: SocketAccess?
  /// Further names of its path: symbolic links.
  public internal(set) var symlinks: [String] = []

  /// Its TCP or UDP sockets.
  public var sockets: [Socket] {
    switch kind {
    case .tcp(let sockets), .udp(let sockets): sockets
    case .unix, .fifo: []
    }
  }

  /// What is held for it, each as it is told to a person.
  public var names: [String] {
    switch kind {
    case .tcp(let sockets): sockets.map(\.address.description)
    case .udp(let sockets): sockets.map { "udp:\($0.address)" }
    case .unix(let name, let type): [type.prefix + name.description]
    case .fifo(let path): ["fifo:\(path)"]
    }
  }

  /// From here on its IPv6 sockets take no IPv4, so that another socket can (BindIPv6Only=ipv6-only).
  mutating func leaveIPv4ToOthers() {
    func only(_ sockets: [Socket]) -> [Socket] {
      sockets.map {
        var socket = $0
        if socket.address.family == .v6 { socket.isIPv6Only = true }
        return socket
      }
    }
    switch kind {
    case .tcp(let sockets): kind = .tcp(only(sockets))
    case .udp(let sockets): kind = .udp(only(sockets))
    case .unix, .fifo: break
    }
  }

  public init(_ text: String) throws(Malformed) {
    self.text = text
    func malformed(_ reason: String) -> Malformed { Malformed(text: text, reason: reason) }
    do throws(UnixPath.Malformed) {
      if let named = try Self.named(text) {
        kind = named
        return
      }
    } catch { throw malformed(error.reason) }
    let isUDP = text.hasPrefix("udp:")
    do throws(Malformed) {
      let sockets = try Self.sockets(isUDP ? String(text.dropFirst(4)) : text)
      kind = isUDP ? .udp(sockets) : .tcp(sockets)
    } catch { throw malformed(error.reason) }
  }

  /// What has a name: "/run/x.sock", "@name", "dgram:/run/x.sock", "fifo:/run/x". nil: it has none.
  private static func named(_ text: String) throws(UnixPath.Malformed) -> Kind? {
    func rest(after prefix: String) -> String? { text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : nil }
    if let path = rest(after: "fifo:") { return .fifo(try UnixPath.plain(path)) }
    if let name = rest(after: "seqpacket:") { return .unix(try UnixPath.name(name), .sequencedPackets) }
    if let name = rest(after: "dgram:") { return .unix(try UnixPath.name(name), .datagrams) }
    if let name = rest(after: "unix:") { return .unix(try UnixPath.name(name), .stream) }
    return text.hasPrefix("/") || text.hasPrefix("@") ? .unix(try UnixPath.name(text), .stream) : nil
  }

  /// "8080", "127.0.0.1:8080", "[::1]:8080", "*:8080".
  private static func sockets(_ text: String) throws(Malformed) -> [Socket] {
    func malformed(_ reason: String) -> Malformed { Malformed(text: text, reason: reason) }
    let host: Substring?
    let digits: Substring
    if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
      host = text[text.index(after: text.startIndex)..<end]
      let rest = text[text.index(after: end)...]
      guard rest.hasPrefix(":") else { throw malformed("a port is expected after ']'") }
      digits = rest.dropFirst()
    } else if let colon = text.lastIndex(of: ":") {
      host = text[..<colon]
      digits = text[text.index(after: colon)...]
      if text[..<colon].contains(":") { throw malformed("an IPv6 address is written in brackets") }
    } else {
      host = nil
      digits = Substring(text)
    }
    guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }) else {
      throw malformed(host == nil ? "it is neither a port nor ADDRESS:PORT" : "'\(digits)' is not a port")
    }
    guard let port = UInt16(digits), port > 0 else { throw malformed("a port is a number from 1 to 65535") }
    switch host {
    case nil:
      // Both loopbacks, so that "localhost" is answered whichever it means.
      return [
        Socket(address: .loopback(.v4, port: port), isIPv6Only: false, isOptional: false),
        Socket(address: .loopback(.v6, port: port), isIPv6Only: true, isOptional: true),
      ]
    case "*":
      // One socket for both families, as systemd's ListenStream=PORT.
      return [
        Socket(
          address: .any(.v6, port: port), isIPv6Only: false, isOptional: false, fallback: .any(.v4, port: port))
      ]
    case .some(let host):
      guard let address = SocketAddress(text: String(host), port: port) else {
        throw malformed("'\(host)' is not a numeric address of this machine's kinds; names are not looked up")
      }
      return [
        Socket(address: address, isIPv6Only: address.family == .v6 && !address.isAny, isOptional: false)
      ]
    }
  }
}
