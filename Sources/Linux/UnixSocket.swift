import CLinux
import Glibc

/// A unix socket, listening or connecting. Its descriptor is `lowestKept` or above.
public struct UnixSocket: ~Copyable {
  public let descriptor: OwnedFD

  public init(owning descriptor: consuming OwnedFD) { self.descriptor = descriptor }

  /// What is sent by it: a stream of bytes, or whole messages by a connection, or whole messages from whomever.
  public enum Kind: Sendable, CaseIterable {
    case stream, sequencedPackets, datagrams

    var number: Int32 {
      switch self {
      case .stream: Int32(SOCK_STREAM.rawValue)
      case .sequencedPackets: Int32(SOCK_SEQPACKET.rawValue)
      case .datagrams: Int32(SOCK_DGRAM.rawValue)
      }
    }

    public var listens: Bool { self != .datagrams }
  }

  /// A new socket that doesn't block.
  public init(_ kind: Kind) throws(Errno) {
    let type = kind.number | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    descriptor = try OwnedFD(owning: try call { socket(AF_UNIX, type, 0) }).kept()
  }

  /// What the same socket of any time has.
  public func apply(_ settings: SocketSettings) throws(Errno) { try settings.apply(to: descriptor, .unix) }

  public func bind(to address: UnixAddress) throws(Errno) {
    let number = descriptor.number
    try shim { unsafe cl_bind_unix(number, address.name, address.name.count) }
  }

  /// Binds to the name `path`, an absolute one, whose file is that of the same path below `root`. Throws `.notPermitted`
  /// where no child may have a root directory of its own.
  public func bind(to path: String, below root: borrowing OwnedFD) throws(Errno) {
    let number = descriptor.number
    let root = root.number
    // As root first without a user namespace, which many containers forbid; others can't do without.
    var result = unsafe cl_bind_unix_below(number, root, path, geteuid() == 0 ? 0 : 1)
    if result == -EPERM, geteuid() == 0 { result = unsafe cl_bind_unix_below(number, root, path, 1) }
    try shim { result }
  }

  /// Binds somebody else's socket to an abstract name that the kernel chooses. Returns it.
  public static func bindToAnyName(_ file: borrowing OwnedFD) throws(Errno) -> UnixAddress {
    var name = [CChar](repeating: 0, count: 112)
    try shim { unsafe cl_bind_unix_autoname(file.number, &name, name.count) }
    let text = String(decoding: name.prefix { $0 != 0 }.dropFirst().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    guard let address = UnixAddress(abstract: text) else { throw .invalid }
    return address
  }

  /// Listens, or changes the backlog. It doesn't bring back a socket that was shut down (unix_listen).
  public func listen(backlog: Int32) throws(Errno) {
    let number = descriptor.number
    _ = try call { Glibc.listen(number, backlog) }
  }

  /// Connects at once. A full queue throws `.again` when the socket doesn't block.
  public func connect(to address: UnixAddress) throws(Errno) { try Self.connect(descriptor, to: address, as: nil) }

  /// The same with any unix stream socket; in the name of `peer`, if there is one.
  public static func connect(
    _ socket: borrowing OwnedFD, to address: UnixAddress, as peer: Peer?
  ) throws(Errno) {
    let number = socket.number
    try shim {
      if let peer {
        unsafe cl_connect_unix_as(
          number, address.name, address.name.count, peer.user, peer.group, peer.groups, peer.groups.count)
      } else {
        unsafe cl_connect_unix(number, address.name, address.name.count)
      }
    }
  }

  /// The same in the name of another process: it is who the other side sees (SO_PEERCRED), but for the pid.
  public func connect(to address: UnixAddress, as peer: Peer) throws(Errno) {
    try Self.connect(descriptor, to: address, as: peer)
  }

  /// A connection from the queue, which must not block; nil when it is empty.
  public func accept() throws(Errno) -> UnixSocket? {
    let number = descriptor.number
    do throws(Errno) {
      return UnixSocket(owning: try OwnedFD(owning: try shim { cl_accept(number) }).kept())
    } catch {
      // A socket that has been shut down says EINVAL when its queue is empty.
      if error == .again || error == .invalid { return nil }
      throw error
    }
  }

  /// Whether somebody waits in its queue, or something to be read (poll(2)).
  public func hasWaiting() -> Bool { descriptor.readiness().contains(.readable) }

  /// Whether shutdown(2) has been called on it. For a listener that is final.
  public func isShutDown() -> Bool { !descriptor.readiness().isDisjoint(with: [.readHangUp, .hangUp]) }

  public var isListening: Bool {
    var value: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    return unsafe getsockopt(descriptor.number, SOL_SOCKET, SO_ACCEPTCONN, &value, &length) == 0 && value == 1
  }

  public func localAddress() throws(Errno) -> UnixAddress? {
    var name = [UInt8](repeating: 0, count: UnixAddress.nameBytesMax)
    let number = descriptor.number
    let count = try shim { unsafe cl_local_unix(number, &name) }
    return UnixAddress(name: Array(name.prefix(Int(count))))
  }

  /// Who is at the other end. For a listener: whoever called listen().
  public struct Peer: Equatable, Sendable {
    public let pid: Int32
    public let user: UInt32
    public let group: UInt32
    public let groups: [UInt32]

    public init(pid: Int32, user: UInt32, group: UInt32, groups: [UInt32]) {
      self.pid = pid
      self.user = user
      self.group = group
      self.groups = groups
    }
  }

  public func peer() throws(Errno) -> Peer { try Self.peer(of: descriptor) }

  public static func peer(of connection: borrowing OwnedFD) throws(Errno) -> Peer {
    var (pid, user, group): (Int32, UInt32, UInt32) = (0, 0, 0)
    let number = connection.number
    try shim { unsafe cl_peer_credentials(number, &pid, &user, &group) }
    // NGROUPS_MAX is 65536; who has more than a few thousand is shown with these.
    var groups = [UInt32](repeating: 0, count: 4096)
    let count = max(0, unsafe cl_peer_groups(number, &groups, groups.count))
    return Peer(pid: pid, user: user, group: group, groups: Array(groups.prefix(Int(count))))
  }

  /// Copies what a server set on its own socket before bind, as far as accepted connections inherit it.
  public func copyOptions(from other: borrowing OwnedFD) {
    _ = cl_copy_options(other.number, descriptor.number)
  }

  public func shutDown(_ how: Int32) { _ = Glibc.shutdown(descriptor.number, how) }

  public func shutDownWriting() { shutDown(Int32(SHUT_WR)) }

  /// What a file is, if it is a unix socket.
  public static func kind(of file: borrowing OwnedFD) -> Kind? {
    func option(_ name: Int32) -> Int32? {
      var value: Int32 = 0
      var length = socklen_t(MemoryLayout<Int32>.size)
      return unsafe getsockopt(file.number, SOL_SOCKET, name, &value, &length) == 0 ? value : nil
    }
    guard option(SO_DOMAIN) == AF_UNIX, let type = option(SO_TYPE) else { return nil }
    return Kind.allCases.first { $0.number == type }
  }
}
