import CLinux
import Glibc

/// A TCP socket, listening or connecting.
public struct TCPSocket: ~Copyable {
  public let descriptor: OwnedFD

  public init(owning descriptor: consuming OwnedFD) { self.descriptor = descriptor }

  /// A new socket that doesn't block. `isKept`: out of the way of a service's numbers, for one that may be handed to it.
  public init(_ family: SocketAddress.Family, isKept: Bool = true) throws(Errno) {
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    let made = OwnedFD(owning: try call { socket(Int32(family.rawValue), type, 0) })
    descriptor = isKept ? try made.kept() : made
  }

  public func set(_ level: Int32, _ option: Int32, to value: Int32) throws(Errno) {
    var value = value
    let number = descriptor.number
    _ = try call { unsafe setsockopt(number, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) }
  }

  public func get(_ level: Int32, _ option: Int32) throws(Errno) -> Int32 {
    var value: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    let number = descriptor.number
    _ = try call { unsafe getsockopt(number, level, option, &value, &length) }
    return value
  }

  public func bind(to address: SocketAddress) throws(Errno) {
    let number = descriptor.number
    try shim {
      unsafe cl_bind_inet(number, Int32(address.family.rawValue), address.bytes, address.port, address.scope)
    }
  }

  /// Binds somebody else's socket to a port of the loopback interface that the kernel chooses. Returns where it is.
  public static func bindToLoopback(
    _ file: borrowing OwnedFD, _ family: SocketAddress.Family
  ) throws(Errno) -> SocketAddress {
    let address = SocketAddress.loopback(family, port: 0)
    try shim { unsafe cl_bind_inet(file.number, Int32(family.rawValue), address.bytes, 0, 0) }
    return try localAddress(of: file)
  }

  /// Listens, or changes the backlog, or makes a socket listen again that was shut down.
  public func listen(backlog: Int32) throws(Errno) {
    let number = descriptor.number
    _ = try call { Glibc.listen(number, backlog) }
  }

  public var isListening: Bool { (try? get(SOL_SOCKET, SO_ACCEPTCONN)) == 1 }

  /// Begins to connect. Returns whether it already is; else the descriptor becomes writable.
  public func connect(to address: SocketAddress) throws(Errno) -> Bool {
    let number = descriptor.number
    let result = unsafe cl_connect_inet(
      number, Int32(address.family.rawValue), address.bytes, address.port, address.scope)
    if result == -EINPROGRESS { return false }
    try shim { result }
    return true
  }

  /// A connection from the queue, which must not block; nil when it is empty. One that died in the queue is passed over.
  public func accept() throws(Errno) -> TCPSocket? {
    let number = descriptor.number
    do throws(Errno) {
      return TCPSocket(owning: try OwnedFD(owning: try shim { cl_accept(number) }).kept())
    } catch {
      if error == .again { return nil }
      throw error
    }
  }

  /// Established connections that nobody has accepted. 0 for a socket that doesn't listen, as it has no queue.
  public func acceptQueueLength() -> Int {
    max(0, Int(cl_accept_queue_length(descriptor.number)))
  }

  /// As bound, the port included that the kernel chose.
  public func localAddress() throws(Errno) -> SocketAddress { try Self.localAddress(of: descriptor) }

  private static func localAddress(of file: borrowing OwnedFD) throws(Errno) -> SocketAddress {
    var bytes = [UInt8](repeating: 0, count: 16)
    var port: UInt16 = 0
    let number = file.number
    let family = try shim { unsafe cl_local_address(number, &bytes, &port) }
    guard let family = SocketAddress.Family(number: family) else { throw .invalid }
    return SocketAddress(family: family, bytes: Array(bytes.prefix(family == .v4 ? 4 : 16)), port: port)
  }

  public func shutDownWriting() { shutDown(Int32(SHUT_WR)) }

  public func shutDown(_ how: Int32) { _ = Glibc.shutdown(descriptor.number, how) }

  /// The pending error of a connect that has ended (SO_ERROR); nil: it is connected.
  public func pendingError() -> Errno? {
    guard let code = try? get(SOL_SOCKET, SO_ERROR), code != 0 else { return nil }
    return Errno(code)
  }

  /// Copies what a server set on its own socket before bind, as far as accepted connections inherit it.
  public func copyOptions(from other: borrowing OwnedFD) {
    _ = cl_copy_options(other.number, descriptor.number)
  }

  public func isIPv6Only() -> Bool { (try? get(Int32(IPPROTO_IPV6), IPV6_V6ONLY)) == 1 }

  /// What any socket is; nil for a file that is none.
  public static func kind(of file: borrowing OwnedFD) -> Kind? {
    func option(_ level: Int32, _ name: Int32) -> Int32? {
      var value: Int32 = 0
      var length = socklen_t(MemoryLayout<Int32>.size)
      return unsafe getsockopt(file.number, level, name, &value, &length) == 0 ? value : nil
    }
    guard let type = option(SOL_SOCKET, SO_TYPE), let network = option(SOL_SOCKET, SO_PROTOCOL) else { return nil }
    // 262 is IPPROTO_MPTCP, which Go asks for first: a TCP listener in its place serves the same clients.
    let isTCP = type == Int32(SOCK_STREAM.rawValue) && (network == Int32(IPPROTO_TCP) || network == 262)
    let isUDP = type == Int32(SOCK_DGRAM.rawValue) && network == Int32(IPPROTO_UDP)
    return Kind(
      isTCP: isTCP, isUDP: isUDP, isIPv6Only: option(Int32(IPPROTO_IPV6), IPV6_V6ONLY) == 1,
      networkCookie: networkCookie(of: file))
  }

  public struct Kind: Equatable, Sendable {
    public let isTCP: Bool
    public let isUDP: Bool
    public let isIPv6Only: Bool
    /// Which network namespace it is in.
    public let networkCookie: UInt64?
  }

  /// Names the network namespace of a socket (SO_NETNS_COOKIE, Linux 5.14).
  public static func networkCookie(of file: borrowing OwnedFD) -> UInt64? {
    var value: UInt64 = 0
    var length = socklen_t(MemoryLayout<UInt64>.size)
    return unsafe getsockopt(file.number, SOL_SOCKET, 71 /* SO_NETNS_COOKIE */, &value, &length) == 0 ? value : nil
  }

  /// Whether a socket of any kind has an address already, bound or connected: bind(2) says EINVAL of such a one.
  public static func hasAddress(_ file: borrowing OwnedFD) -> Bool { cl_has_address(file.number) == 1 }
}
