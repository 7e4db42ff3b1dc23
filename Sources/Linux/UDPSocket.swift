import CLinux
import Glibc

/// A bound UDP socket.
public struct UDPSocket: ~Copyable {
  public let descriptor: OwnedFD

  public init(_ family: SocketAddress.Family) throws(Errno) {
    let type = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    descriptor = try OwnedFD(owning: try call { socket(Int32(family.rawValue), type, 0) }).kept()
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

  /// As bound, the port included that the kernel chose.
  public func localAddress() throws(Errno) -> SocketAddress {
    var bytes = [UInt8](repeating: 0, count: 16)
    var port: UInt16 = 0
    let number = descriptor.number
    let family = try shim { unsafe cl_local_address(number, &bytes, &port) }
    guard let family = SocketAddress.Family(number: family) else { throw .invalid }
    return SocketAddress(family: family, bytes: Array(bytes.prefix(family == .v4 ? 4 : 16)), port: port)
  }

  /// Somebody has sent what nobody has read yet.
  public var hasUnread: Bool { cl_has_datagram(descriptor.number) == 1 }

  /// When the last datagram came that somebody has read, in nanoseconds of CLOCK_REALTIME; nil: none yet. The kernel stamps
  /// them from the first call on; one that came before, and is read after it, counts as read now.
  public var lastStamp: Int64? {
    let stamp = cl_last_datagram_stamp(descriptor.number)
    return stamp < 0 ? nil : stamp
  }

  /// The service asks for its own stamps (SO_TIMESTAMP and its like): then the kernel keeps none for us.
  public var keepsOwnStamps: Bool {
    [SO_TIMESTAMP, SO_TIMESTAMPNS, SO_TIMESTAMPING].contains { ((try? get(SOL_SOCKET, $0)) ?? 0) != 0 }
  }

  /// Somebody who has it has called shutdown(): what comes is dropped, for good.
  public var isShutDown: Bool { cl_is_shut_down(descriptor.number) == 1 }

  /// Somebody who has it has called connect(): what anybody else sends doesn't come to it.
  public var isConnected: Bool {
    var bytes = [UInt8](repeating: 0, count: 16)
    var port: UInt16 = 0
    return unsafe cl_peer_address(descriptor.number, &bytes, &port) > 0
  }

  /// Takes the errors that are pending: of datagrams that were sent by it, to somebody who had gone. What is left of very many
  /// makes it ready again.
  public func takeErrors() { _ = cl_take_errors(descriptor.number) }

  public func shutDown() { _ = Glibc.shutdown(descriptor.number, Int32(SHUT_RDWR)) }

  /// Copies what a server set on its own socket before bind.
  public func copyOptions(from other: borrowing OwnedFD) {
    _ = cl_copy_datagram_options(other.number, descriptor.number)
  }

  /// Who sent the next datagram; nil when there is none.
  public func peekSender() -> SocketAddress? {
    var bytes = [UInt8](repeating: 0, count: 16)
    var port: UInt16 = 0
    let family = unsafe cl_peek_sender(descriptor.number, &bytes, &port)
    guard family > 0, let family = SocketAddress.Family(number: family) else { return nil }
    return SocketAddress(family: family, bytes: Array(bytes.prefix(family == .v4 ? 4 : 16)), port: port)
  }
}
