import Linux

/// Where a relay takes its connections.
public enum RelayTarget: Equatable, Sendable, CustomStringConvertible {
  case tcp(SocketAddress)

  /// "127.0.0.1:8080", "[::1]:8080", or a port of 127.0.0.1.
  public init(_ text: String) throws(ListenAddress.Malformed) {
    let address = try ListenAddress(text)
    // Of the two loopbacks that a port alone means, IPv4's is what a service most surely binds.
    guard let socket = address.sockets.first, !socket.address.isAny else {
      throw ListenAddress.Malformed(text: text, reason: "a relay needs one address to connect to, not every one")
    }
    self = .tcp(socket.address)
  }

  public var description: String {
    switch self {
    case .tcp(let address): address.description
    }
  }

  /// A socket for a connection to it, not connected yet.
  func makeEnd() throws(Errno) -> RelayEnd {
    switch self {
    case .tcp(let address): RelayEnd(try TCPSocket(address.family, isKept: false))
    }
  }

  /// Begins to connect. Returns whether it already is; else the end becomes writable.
  func connect(_ end: RelayEnd) throws(Errno) -> Bool {
    switch self {
    case .tcp(let address): try end.socket.connect(to: address)
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
    }
  }

  /// Whether a service that binds it would be in the way of one of the held sockets, or we of it.
  func isHeld(by sockets: [HeldSocket]) -> Bool {
    switch self {
    case .tcp(let address):
      let held = sockets.map {
        AddressMatch.Held(
          index: $0.index, address: $0.address, isIPv6Only: $0.group.current.isIPv6Only(), isAdopted: false)
      }
      return AddressMatch(bind: address, isIPv6Only: false, among: held) != nil
    }
  }
}
