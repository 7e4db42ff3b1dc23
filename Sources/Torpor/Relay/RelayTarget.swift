import Linux

/// Where a relay takes its connections.
public enum RelayTarget: Equatable, Sendable, CustomStringConvertible {
  case tcp(SocketAddress)
  case unix(UnixAddress)

  /// "127.0.0.1:8080", "[::1]:8080", a port of 127.0.0.1, a path, or an abstract name.
  public init(_ text: String) throws(ListenAddress.Malformed) {
    switch try ListenAddress(text).kind {
    case .unix(let name, .stream): self = .unix(name)
    case .udp, .unix, .fifo: throw ListenAddress.Malformed(text: text, reason: "a relay is for connections, of bytes")
    case .tcp(let sockets):
      // Of the two loopbacks that a port alone means, IPv4's is what a service most surely binds.
      guard let socket = sockets.first, !socket.address.isAny else {
        throw ListenAddress.Malformed(text: text, reason: "a relay needs one address to connect to, not every one")
      }
      self = .tcp(socket.address)
    }
  }

  public var description: String {
    switch self {
    case .tcp(let address): address.description
    case .unix(let path): path.description
    }
  }

  /// A socket for a connection to it, not connected yet.
  func makeEnd() throws(Errno) -> RelayEnd {
    switch self {
    case .tcp(let address): RelayEnd(try TCPSocket(address.family, isKept: false))
    case .unix: RelayEnd(try TCPSocket.unixStream())
    }
  }

  /// Begins to connect. Returns whether it already is; else the end becomes writable.
  /// `client`: who it is for. A service at a path sees the credentials of a client that came by a path itself: else whoever
  /// gets here would be root to one that trusts the kernel's word (SO_PEERCRED).
  func connect(_ end: RelayEnd, for client: RelayEnd?) throws(Errno) -> Bool {
    switch self {
    case .tcp(let address): return try end.socket.connect(to: address)
    case .unix(let path):
      try UnixSocket.connect(end.socket.descriptor, to: path, as: try Self.identity(of: client))
      return true
    }
  }

  /// nil: we connect as ourselves. Throws `.notPermitted` where we would have to be somebody else and can't.
  private static func identity(of client: RelayEnd?) throws(Errno) -> UnixSocket.Peer? {
    guard let client, UnixSocket.kind(of: client.socket.descriptor) != nil else { return nil }
    let peer = try UnixSocket.peer(of: client.socket.descriptor)
    let own = Account.effectiveUser
    guard UnixRelay.may(own, speakFor: peer) else { throw .notPermitted }
    return own == 0 ? peer : nil
  }

  /// Whether a connection that we have made as ourselves is as good as any other.
  var isEveryConnectionAlike: Bool {
    switch self {
    case .tcp: true
    case .unix: false
    }
  }

  /// Whether a connection that seems to lead there has only found itself. Then it is made to leave no trace (TIME_WAIT) that
  /// would keep the service from its port.
  func isMistaken(_ end: RelayEnd) -> Bool {
    switch self {
    case .tcp(let address):
      guard end.socket.isConnectedToItself(at: address) else { return false }
      end.socket.resetOnClose()
      return true
    case .unix: return false
    }
  }

  /// Whether a service that binds it would be in the way of one of the held sockets, or we of it.
  func isHeld(by sockets: [any HeldSocket]) -> Bool {
    switch self {
    case .tcp(let address):
      let held = sockets.compactMap { $0 as? HeldTCPSocket }.map {
        AddressMatch.Held(
          index: $0.index, address: $0.address, isIPv6Only: $0.group.current.isIPv6Only(), isAdopted: false)
      }
      return AddressMatch(bind: address, isIPv6Only: false, among: held) != nil
    case .unix(let name):
      return sockets.contains {
        ($0 as? HeldUnixSocket)?.address == name || ($0 as? HeldAbstractSocket)?.address == name
      }
    }
  }
}
