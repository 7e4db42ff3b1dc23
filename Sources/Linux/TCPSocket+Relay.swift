import CLinux
import Glibc

/// A connection from an accept queue, and whose it is.
public struct AcceptedConnection: ~Copyable {
  public let socket: TCPSocket
  /// nil: no inet address.
  public let client: SocketAddress?

  public consuming func takeSocket() -> TCPSocket { socket }
}

/// A stream socket of any family: what a relay does with TCP it does with unix sockets, too.
extension TCPSocket {
  /// A new unix stream socket that doesn't block.
  public static func unixStream() throws(Errno) -> TCPSocket {
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    return TCPSocket(owning: OwnedFD(owning: try call { socket(AF_UNIX, type, 0) }))
  }

  public func acceptConnection() throws(Errno) -> AcceptedConnection? {
    try Self.acceptConnection(from: descriptor)
  }

  /// A connection from the queue of a listener that doesn't block; nil when it is empty.
  public static func acceptConnection(from listener: borrowing OwnedFD) throws(Errno) -> AcceptedConnection? {
    let listener = listener.number
    var family: Int32 = 0
    var bytes = [UInt8](repeating: 0, count: 16)
    var port: UInt16 = 0
    let number: Int32
    do throws(Errno) { number = try shim { unsafe cl_accept_from(listener, &family, &bytes, &port) } } catch {
      // A unix socket that has been shut down says EINVAL when its queue is empty.
      if error == .again || error == .invalid { return nil }
      throw error
    }
    let socket = TCPSocket(owning: OwnedFD(owning: number))
    let client = SocketAddress.Family(number: family).map { family in
      SocketAddress(family: family, bytes: Array(bytes.prefix(family == .v4 ? 4 : 16)), port: port)
    }
    return AcceptedConnection(socket: socket, client: client)
  }

  /// A connect() to a port of this machine that nobody listens on, and that the kernel chose for our own end, too, succeeds:
  /// with itself (RFC 9293, simultaneous open). `address`: the one that was connected to.
  public func isConnectedToItself(at address: SocketAddress) -> Bool {
    guard let local = try? localAddress() else { return false }
    return local.family == address.family && local.bytes == address.bytes && local.port == address.port
  }

  /// Unique among all sockets since boot; the same that sock_diag tells (SO_COOKIE). nil: the kernel doesn't say.
  public var cookie: UInt64? {
    var value: UInt64 = 0
    var length = socklen_t(MemoryLayout<UInt64>.size)
    let number = descriptor.number
    return unsafe getsockopt(number, SOL_SOCKET, 57 /* SO_COOKIE */, &value, &length) == 0 ? value : nil
  }

  /// For a connection whose bytes we pass on: each is sent at once, and a peer that has vanished is noticed in the end (the
  /// kernel's own times: two hours). What a socket doesn't know is left.
  public func setUpForRelay() {
    try? set(Int32(IPPROTO_TCP), TCP_NODELAY, to: 1)
    try? set(SOL_SOCKET, SO_KEEPALIVE, to: 1)
  }

  /// Its peer is asked whether it is still there after so long (TCP_KEEPIDLE); a unix socket has nobody to ask.
  public func probe(afterSilenceOf seconds: Int32) { try? set(Int32(IPPROTO_TCP), TCP_KEEPIDLE, to: seconds) }

  /// What a connection of ours can have inherited from a listener that a service shares, and that would keep us: a close() that
  /// waits, and a readiness that waits for more.
  public func forgetInheritedOptions() {
    _ = cl_set_no_linger(descriptor.number)
    try? set(SOL_SOCKET, SO_RCVLOWAT, to: 1)
  }

  /// Its peer is told by RST when this socket is closed, and what is unsent is forgotten.
  public func resetOnClose() { _ = cl_set_reset_on_close(descriptor.number) }

  /// Bytes that were written and that the peer has not acknowledged.
  public var unsentBytes: Int { max(0, Int(cl_unsent_bytes(descriptor.number))) }
}
