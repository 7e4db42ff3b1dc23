import CLinux
import Glibc

/// The UDP sockets of one address, and which of them every new datagram goes to.
///
/// As with TCP both are in one SO_REUSEPORT group, whose classic BPF program is a constant; but a UDP socket joins the group when
/// it is bound, and what it has received stays with it for good.
public struct DatagramGroup: ~Copyable {
  public let address: SocketAddress
  /// The socket that a service gets.
  public private(set) var current: UDPSocket
  /// The one that it doesn't get, while a rest is under way.
  public private(set) var next: UDPSocket?
  /// Of those to come.
  var settings: SocketSettings

  /// Holds `address`. With port 0 the kernel chooses. Throws `.inUse` when anybody else has it.
  public init(
    _ address: SocketAddress, isIPv6Only: Bool, settings: SocketSettings = SocketSettings()
  ) throws(Errno) {
    let address = try Self.unused(address, isIPv6Only: isIPv6Only, settings)
    let socket = try Self.bound(address, isIPv6Only: isIPv6Only, settings)
    try Self.attach(0, by: socket.descriptor.number)
    self.address = address
    self.settings = settings
    current = socket
  }

  /// With SO_REUSEPORT we could share a port with another program of the same user, and get part of its datagrams or none.
  private static func unused(
    _ address: SocketAddress, isIPv6Only: Bool, _ settings: SocketSettings
  ) throws(Errno) -> SocketAddress {
    let probe = try UDPSocket(address.family)
    // What may be bound depends on some of them.
    try settings.apply(to: probe.descriptor, .udp(address.family))
    if address.family == .v6 { try probe.set(Int32(IPPROTO_IPV6), IPV6_V6ONLY, to: isIPv6Only ? 1 : 0) }
    try probe.bind(to: address)
    var address = address
    address.port = try probe.localAddress().port
    return address
  }

  private static func bound(
    _ address: SocketAddress, isIPv6Only: Bool, _ settings: SocketSettings
  ) throws(Errno) -> UDPSocket {
    let socket = try UDPSocket(address.family)
    try settings.apply(to: socket.descriptor, .udp(address.family))
    try socket.set(SOL_SOCKET, SO_REUSEPORT, to: 1)
    if address.family == .v6 { try socket.set(Int32(IPPROTO_IPV6), IPV6_V6ONLY, to: isIPv6Only ? 1 : 0) }
    // Before the first datagram can come.
    _ = socket.lastStamp
    try socket.bind(to: address)
    try socket.descriptor.setNonBlocking(false)
    return socket
  }

  private static func attach(_ index: UInt32, by number: Int32) throws(Errno) {
    try shim { cl_steer(number, index) }
  }

  /// What a server set on its own socket before bind, for the current one; what was asked of the held socket stands.
  public func adoptOptions(from other: borrowing OwnedFD) {
    current.copyOptions(from: other)
    try? settings.apply(to: current.descriptor, .udp(address.family))
  }

  public var isIPv6Only: Bool { (try? current.get(Int32(IPPROTO_IPV6), IPV6_V6ONLY)) == 1 }

  /// Makes the second socket, which gets nothing yet.
  public mutating func openNext() throws(Errno) {
    guard next == nil else { return }
    // Set anew: with a constant of another index a stranger's socket could have been meant.
    try Self.attach(0, by: current.descriptor.number)
    let socket = try Self.bound(address, isIPv6Only: isIPv6Only, settings)
    socket.copyOptions(from: current.descriptor)
    next = consume socket
  }

  /// Every new datagram goes to the current socket again. What the next one has received stays there.
  public func withdraw() throws(Errno) { try Self.attach(0, by: current.descriptor.number) }

  /// Something has come to the next socket.
  public var nextHasUnread: Bool {
    switch next {
    case .some(let next): next.hasUnread
    case .none: false
    }
  }

  /// Every new datagram goes to the next socket. There is no way back for those that do.
  public func commit() throws(Errno) {
    switch next {
    case .some(let next): try Self.attach(1, by: next.descriptor.number)
    case .none: break
    }
  }

  /// Another one in the place of a current socket that nobody else has any more; what is unread in that is lost. For one that was
  /// connected, which has left the group: there is no way back into it (udp_lib_rehash).
  public mutating func replaceCurrent() throws(Errno) {
    let socket = try Self.bound(address, isIPv6Only: isIPv6Only, settings)
    socket.copyOptions(from: current.descriptor)
    current = socket
    try Self.attach(0, by: current.descriptor.number)
  }

  public mutating func closeNext() throws(Errno) {
    guard next != nil else { return }
    try Self.attach(0, by: current.descriptor.number)
    next = nil
  }

  /// The next socket becomes the current one, and the old one is closed. Returns whether something was left unread in it.
  public mutating func swap() throws(Errno) -> Bool {
    guard let successor = next.take() else { return false }
    let hasLeft = current.hasUnread
    // The other leaves the group: it is the first now.
    current = successor
    try Self.attach(0, by: current.descriptor.number)
    return hasLeft
  }
}
