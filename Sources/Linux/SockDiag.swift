import CLinux
import Glibc

/// One TCP socket of a port as sock_diag(7) tells.
public struct TCPConnection: Equatable, Sendable {
  /// As in net/tcp_states.h.
  public enum State: UInt8, Sendable {
    case established = 1
    case synSent, synReceived, finWait1, finWait2, timeWait, close, closeWait, lastAck, listen, closing, newSynReceived
  }
  public let state: State
  public let local: SocketAddress
  public let remote: SocketAddress
  /// Unique among all sockets since boot; a handshake's stays its connection's.
  public let cookie: UInt64
  /// 0: no process has it.
  public let inode: UInt32
  /// The mark of the listener it came in by; nil where the kernel doesn't tell (handshakes; before Linux 5.10).
  public var generationMark: UInt8?
  /// The cgroup v2 of the process that made it, or its listener (Linux 5.8).
  public var cgroup: UInt64?
  /// nil: not asked for.
  public var traffic: Traffic?
  /// Bytes that its owner has not read, and that its peer has not acknowledged or been sent.
  public var unreadBytes: UInt32 = 0
  public var unsentBytes: UInt32 = 0

  /// When data last went by it (TCP_INFO). Its opening counts as such; keepalive probes and acknowledgements have no data.
  public struct Traffic: Equatable, Sendable {
    /// In milliseconds before the look.
    public let receivedAgo: UInt32
    public let sentAgo: UInt32
  }
}

public enum SockDiagError: Error, Equatable, Sendable, CustomStringConvertible {
  case kernel(Errno)
  /// A message shorter than it says or than its kind.
  case malformed

  public var description: String {
    switch self {
    case .kernel(let error): "\(error)"
    case .malformed: "the kernel's answer can't be understood"
    }
  }
}

/// NETLINK_SOCK_DIAG: a socket to ask about TCP sockets, one question at a time.
public struct SockDiag: ~Copyable {
  private let descriptor: OwnedFD
  private var buffer = [UInt8](repeating: 0, count: 1 << 16)
  private var sequence: UInt32 = 0

  public init() throws(Errno) {
    let type = Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    descriptor = try OwnedFD(owning: try call { socket(AF_NETLINK, type, 4 /* NETLINK_SOCK_DIAG */) }).kept()
  }

  /// What a socket is asked for by.
  public enum Condition: Hashable, Sendable {
    /// Its local port.
    case port(UInt16)
    /// Its own `cgroup`.
    case cgroup(UInt64)
    /// Its local address and port.
    case address(SocketAddress)
  }

  /// The kernel compares each socket with one after the other.
  public static let conditionsMax = 64

  /// All sockets of which one of these holds, listeners and TIME_WAIT left out. More than `conditionsMax` conditions, or none, are not asked by:
  /// then those of which none holds come, too. Connections to an IPv4 client of a dual-stack listener belong to `.v6`.
  public mutating func sockets(
    _ family: SocketAddress.Family, _ conditions: [Condition], includingTraffic: Bool = false
  ) throws(SockDiagError) -> [TCPConnection] {
    try sockets(
      SockDiagRequest(
        family: family, conditions: conditions, states: SockDiagRequest.connected, includesTraffic: includingTraffic,
        sequence: 0))
  }

  /// All sockets with this local port, listeners and TIME_WAIT left out.
  public mutating func connections(
    _ family: SocketAddress.Family, localPort: UInt16
  ) throws(SockDiagError) -> [TCPConnection] {
    try sockets(family, [.port(localPort)])
  }

  /// All listening sockets with this port.
  public mutating func listeners(_ family: SocketAddress.Family, port: UInt16) throws(SockDiagError) -> [TCPConnection]
  {
    try sockets(
      SockDiagRequest(family: family, conditions: [.port(port)], states: SockDiagRequest.listening, sequence: 0))
  }

  /// Those that listen at this address. Thousands may listen at the same port.
  public mutating func listeners(at address: SocketAddress) throws(SockDiagError) -> [TCPConnection] {
    try listeners(address.family, [.address(address)])
  }

  /// All listening sockets of which one of these conditions holds, with the bounds of `sockets`.
  public mutating func listeners(
    _ family: SocketAddress.Family, _ conditions: [Condition]
  ) throws(SockDiagError) -> [TCPConnection] {
    try sockets(
      SockDiagRequest(family: family, conditions: conditions, states: SockDiagRequest.listening, sequence: 0))
  }

  private mutating func sockets(_ asked: SockDiagRequest) throws(SockDiagError) -> [TCPConnection] {
    var request = asked
    sequence &+= 1
    request.sequence = sequence
    let number = descriptor.number
    var found: [TCPConnection] = []
    do throws(Errno) {
      let bytes = request.bytes
      _ = try call { unsafe send(number, bytes, bytes.count, 0) }
    } catch { throw .kernel(error) }
    while true {
      let count: Int
      do throws(Errno) {
        // The kernel answers within the call that asked or within this one (netlink dumps go on in recv): it doesn't wait.
        let capacity = buffer.count
        count = try call { unsafe recv(number, &buffer, capacity, 0) }
      } catch { throw .kernel(error) }
      let isDone = try unsafe SockDiagMessage.parse(
        buffer.span.bytes.extracting(first: count), sequence: sequence, into: &found)
      if isDone { return found }
    }
  }
}

/// The closing of TCP sockets as it happens: the SKNLGRP_INET*_TCP_DESTROY groups, narrowed to some local ports.
public struct DestroyedSockets: ~Copyable {
  public let descriptor: OwnedFD
  private var buffer = [UInt8](repeating: 0, count: 8192)

  /// Tells of no port yet.
  public init() throws(Errno) {
    let type = Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    let descriptor = try OwnedFD(owning: try call { socket(AF_NETLINK, type, 4) }).kept()
    let number = descriptor.number
    // The filter first: what comes before it would be others' sockets.
    try shim { unsafe cl_filter_ports(number, [], 0) }
    // A burst that overflows it makes everybody busy for a while, so it is as large as we may make it.
    _ = cl_enlarge_receive_buffer(number, 4 << 20)
    // SKNLGRP_INET_TCP_DESTROY is group 1, SKNLGRP_INET6_TCP_DESTROY 3.
    try shim { cl_bind_netlink(number, 1 << 0 | 1 << 2) }
    self.descriptor = descriptor
  }

  /// Tells of these from now on. More than `portsMax` are too many for a filter: then all closes of the network namespace come,
  /// and the caller sorts. What has come before stays to be taken.
  public borrowing func setLocalPorts(_ ports: [UInt16]) throws(Errno) {
    let number = descriptor.number
    if ports.count > Self.portsMax {
      try shim { cl_unfilter(number) }
    } else {
      try shim { unsafe cl_filter_ports(number, ports, ports.count) }
    }
  }

  /// A classic BPF program has 4096 instructions at most, and each port takes two.
  public static let portsMax = Int(CL_FILTERED_PORTS_MAX)

  /// Everything that has come. `wasLossy`: some was dropped (ENOBUFS), or couldn't be understood.
  public mutating func take() -> (closed: [TCPConnection], wasLossy: Bool) {
    var closed: [TCPConnection] = []
    var wasLossy = false
    let number = descriptor.number
    // Bounded: a flood is as good as a loss, and the rest is taken the next time.
    for _ in 0..<4096 {
      do throws(Errno) {
        let capacity = buffer.count
        let count = try call { unsafe recv(number, &buffer, capacity, 0) }
        do throws(SockDiagError) {
          _ = try unsafe SockDiagMessage.parse(buffer.span.bytes.extracting(first: count), sequence: nil, into: &closed)
        } catch { wasLossy = true }
      } catch {
        if error == .again { break }
        wasLossy = true
      }
    }
    return (closed, wasLossy)
  }
}
