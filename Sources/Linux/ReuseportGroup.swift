import CLinux
import Glibc

/// The listening sockets of one address, and which of them every new connection goes to.
///
/// All are in one SO_REUSEPORT group, whose classic BPF program is a constant: the index of the chosen socket in the group's
/// array (net/core/sock_reuseport.c). The array is in the order in which the sockets began to listen; one that leaves is
/// replaced by the last, so with two a leaving first makes the second the first. An index beyond the array falls back to
/// a hash over it: that is only ever let happen while one socket is left, which is then all that the hash can find.
/// Only sockets of the same user can join, and one that did would get nothing, as the index is constant.
public struct ReuseportGroup: ~Copyable {
  public let address: SocketAddress
  /// The socket that a service gets.
  public private(set) var current: TCPSocket
  /// The one that it doesn't get, while a rest is under way.
  public private(set) var next: TCPSocket?
  /// Told apart in sock_diag: each connection carries the mark of the listener it came in by.
  public private(set) var currentMark: UInt8 = 0
  public private(set) var nextMark: UInt8?
  private var lastMark: UInt8 = 0
  /// Order of the two in the kernel's array: which comes first.
  private var isCurrentFirst = true

  /// Of those to come.
  var settings: SocketSettings

  /// Holds `address`: bound and listening. With port 0 the kernel chooses. Throws `.inUse` when anybody listens there.
  public init(
    _ address: SocketAddress, isIPv6Only: Bool, settings: SocketSettings = SocketSettings()
  ) throws(Errno) {
    try Self.checkUnused(address, isIPv6Only: isIPv6Only, settings)
    let socket = try Self.bound(address, isIPv6Only: isIPv6Only, mark: 0, settings)
    // Attached before it listens: the first SYN already finds the program.
    try Self.attach(0, by: socket.descriptor.number)
    try socket.listen(backlog: settings.backlog)
    var address = address
    if address.port == 0 { address.port = try socket.localAddress().port }
    self.address = address
    self.settings = settings
    current = socket
  }

  /// With SO_REUSEPORT we could share a port with another program of the same user, and get part of its clients or none.
  private static func checkUnused(
    _ address: SocketAddress, isIPv6Only: Bool, _ settings: SocketSettings
  ) throws(Errno) {
    let probe = try TCPSocket(address.family)
    // What may be bound depends on some of them.
    try settings.apply(to: probe.descriptor, .tcp(address.family))
    try probe.set(SOL_SOCKET, SO_REUSEADDR, to: 1)
    if address.family == .v6 { try probe.set(Int32(IPPROTO_IPV6), IPV6_V6ONLY, to: isIPv6Only ? 1 : 0) }
    try probe.bind(to: address)
  }

  private static func bound(
    _ address: SocketAddress, isIPv6Only: Bool, mark: UInt8, _ settings: SocketSettings
  ) throws(Errno) -> TCPSocket {
    let socket = try TCPSocket(address.family)
    try settings.apply(to: socket.descriptor, .tcp(address.family))
    try socket.set(SOL_SOCKET, SO_REUSEADDR, to: 1)
    try socket.set(SOL_SOCKET, SO_REUSEPORT, to: 1)
    if address.family == .v6 { try socket.set(Int32(IPPROTO_IPV6), IPV6_V6ONLY, to: isIPv6Only ? 1 : 0) }
    let number = socket.descriptor.number
    try shim { cl_set_generation_mark(number, Int32(mark)) }
    try socket.bind(to: address)
    // As systemd passes its sockets: blocking, unless the service asks for something else.
    try socket.descriptor.setNonBlocking(false)
    return socket
  }

  private static func attach(_ index: UInt32, by number: Int32) throws(Errno) {
    try shim { cl_steer(number, index) }
  }

  /// The program belongs to the group; it is set by a socket that surely is in it: the service can't shut the next one down.
  private func steer(to index: UInt32) throws(Errno) {
    switch next {
    case .some(let next): try Self.attach(index, by: next.descriptor.number)
    case .none: try Self.attach(index, by: current.descriptor.number)
    }
  }

  /// Makes the second socket. It gets nothing yet: the program says the first one's index before and after.
  public mutating func openNext() throws(Errno) {
    guard next == nil else { return }
    try steerToCurrent()
    // Four marks in turn: one that a migrated connection may still carry isn't the next to be used.
    repeat { lastMark = (lastMark + 1) & 3 } while lastMark == currentMark
    let mark = lastMark
    let socket = try Self.bound(address, isIPv6Only: current.isIPv6Only(), mark: mark, settings)
    // What the service has set on its socket is set on this one before the first connection comes: options are inherited
    // when a connection is made, not when it is accepted.
    socket.copyOptions(from: current.descriptor)
    try socket.listen(backlog: settings.backlog)
    next = consume socket
    nextMark = mark
    isCurrentFirst = true
  }

  /// What a server set on its own socket before bind, for the current one; what was asked of the held socket stands.
  public func adoptOptions(from other: borrowing OwnedFD) {
    current.copyOptions(from: other)
    try? settings.apply(to: current.descriptor, .tcp(address.family))
  }

  public func nextAcceptQueueLength() -> Int {
    switch next {
    case .some(let next): next.acceptQueueLength()
    case .none: 0
    }
  }

  public func withNext(_ body: (borrowing TCPSocket) throws(Errno) -> Void) throws(Errno) {
    switch next {
    case .some(let next): try body(next)
    case .none: break
    }
  }

  public mutating func steerToNext() throws(Errno) {
    try steer(to: isCurrentFirst ? 1 : 0)
  }

  /// Also brings back a current socket that the service has shut down.
  public mutating func steerToCurrent() throws(Errno) {
    if !current.isListening { try listenAgain() }
    try steer(to: isCurrentFirst ? 0 : 1)
  }

  /// listen() again on the current socket: its backlog is ours again, and it listens if it was shut down. Where new
  /// connections go doesn't change.
  public mutating func listenAgain() throws(Errno) {
    guard !current.isListening, next != nil else {
      try current.listen(backlog: settings.backlog)
      return
    }
    // It left the array when it was shut down, so that the next socket is the first, and will be the last of two. The
    // program names the next one before there are two.
    try steer(to: 0)
    isCurrentFirst = false
    try current.listen(backlog: settings.backlog)
  }

  /// Closes the next socket. With net.ipv4.tcp_migrate_req its queue moves to the rest of the group: the current socket.
  /// Returns how many connections were in it.
  public mutating func closeNext() throws(Errno) -> Int {
    guard let closing = next.take() else { return 0 }
    nextMark = nil
    let strays = closing.acceptQueueLength()
    if !isCurrentFirst {
      // The current socket moves up into the first place when the next one leaves.
      closing.shutDown(Int32(SHUT_RD))
      isCurrentFirst = true
      try steer(to: 0)
    }
    return strays
  }

  /// The next socket becomes the current one, and the old one is closed. Returns how many connections were in its queue,
  /// which should be none: with migration they have moved.
  public mutating func swap() throws(Errno) -> Int {
    guard let successor = next.take(), let mark = nextMark.take() else { return 0 }
    let left = current.acceptQueueLength()
    // Closed by its last holder, and no process of the service is left: it leaves the group, and the other is first.
    current = successor
    currentMark = mark
    isCurrentFirst = true
    try steer(to: 0)
    return left
  }
}
