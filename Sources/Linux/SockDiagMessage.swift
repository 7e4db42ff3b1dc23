import CLinux
import Glibc

/// inet_diag_req_v2 behind its netlink header (linux/inet_diag.h): a dump of one family's TCP sockets.
struct SockDiagRequest {
  var family: SocketAddress.Family
  /// Which of them; more than `SockDiag.conditionsMax` are too many to name, and all sockets come.
  var conditions: [SockDiag.Condition]
  var states: UInt32
  /// struct tcp_info of each (INET_DIAG_INFO).
  var includesTraffic = false
  var sequence: UInt32

  /// Every state but LISTEN, TIME_WAIT and CLOSE: bits of 1 << state.
  static let connected: UInt32 = 0x1fff & ~(1 << 10 | 1 << 6 | 1 << 7 | 1)
  static let listening: UInt32 = 1 << 10

  var bytes: [UInt8] {
    var out: [UInt8] = []
    func append<Number: FixedWidthInteger>(_ number: Number) {
      unsafe withUnsafeBytes(of: number) { unsafe out.append(contentsOf: $0) }
    }
    // One port alone has a field of its own, which costs the kernel nothing.
    var singlePort: UInt16 = 0
    var filter: [UInt8] = []
    if case .port(let port)? = conditions.first, conditions.count == 1 {
      singlePort = port
    } else if !conditions.isEmpty, conditions.count <= SockDiag.conditionsMax {
      filter = Self.any(of: conditions)
    }
    append(UInt32(16 + 56 + filter.count))  // nlmsg_len
    append(UInt16(20))  // SOCK_DIAG_BY_FAMILY
    append(UInt16(0x301))  // NLM_F_REQUEST | NLM_F_DUMP
    append(sequence)
    append(UInt32(0))  // nlmsg_pid: the kernel
    append(family.rawValue)
    append(UInt8(6))  // IPPROTO_TCP
    append(UInt8(includesTraffic ? 1 << 1 : 0))  // INET_DIAG_INFO is 2; INET_DIAG_SOCKOPT comes unasked
    append(UInt8(0))
    append(states)
    append(singlePort.bigEndian)
    out.append(contentsOf: [UInt8](repeating: 0, count: 46))  // the rest of inet_diag_sockid
    return out + filter
  }

  /// INET_DIAG_REQ_BYTECODE, a program that the kernel runs for each socket: it accepts at its end, and rejects beyond it. Each
  /// condition that doesn't hold jumps to the next; one that holds falls into a jump to the end, as its own reaches 255 bytes.
  private static func any(of conditions: [SockDiag.Condition]) -> [UInt8] {
    var out: [UInt8] = []
    func append<Number: FixedWidthInteger>(_ number: Number) {
      unsafe withUnsafeBytes(of: number) { unsafe out.append(contentsOf: $0) }
    }
    let jump = 4
    let length = conditions.reduce(0) { $0 + $1.size + jump } - jump
    for (index, condition) in conditions.enumerated() {
      let rest = length - out.count
      let isLast = index == conditions.count - 1
      append(condition.code)
      append(UInt8(condition.size))
      append(UInt16(isLast ? rest + 4 : condition.size + jump))
      switch condition {
      case .port(let port):
        // The operand is where the next instruction would have its own.
        append(UInt16(0))
        append(port)
      case .cgroup(let id): append(id)
      case .address(let address):
        // struct inet_diag_hostcond: all bits of the address count.
        append(address.family.rawValue)
        append(UInt8(8 * address.bytes.count))
        append(UInt16(0))
        append(Int32(address.port))
        out += address.bytes
      }
      guard !isLast else { break }
      // INET_DIAG_BC_JMP goes where "no" leads; that its "yes" leads somewhere, too, is demanded.
      append(UInt8(1))
      append(UInt8(jump))
      append(UInt16(rest - condition.size))
    }
    let header = UInt32(4 + out.count) | 1 << 16
    return unsafe withUnsafeBytes(of: header) { unsafe Array($0) } + out
  }
}

extension SockDiag.Condition {
  /// INET_DIAG_BC_S_EQ (Linux 4.18), INET_DIAG_BC_CGROUP_COND (5.8) and INET_DIAG_BC_S_COND.
  fileprivate var code: UInt8 {
    switch self {
    case .port: 11
    case .cgroup: 13
    case .address: 7
    }
  }

  /// Of the instruction with its operand.
  fileprivate var size: Int {
    switch self {
    case .port: 8
    case .cgroup: 12
    case .address(let address): 12 + address.bytes.count
    }
  }
}

/// inet_diag_msg and its attributes.
enum SockDiagMessage {
  private static let headerBytes = 16
  private static let messageBytes = 72
  /// INET_DIAG_SOCKOPT's number, and the bits of struct inet_diag_sockopt that carry a generation mark.
  private static let socketOptions: UInt16 = 22
  private static let multicastLoop: UInt8 = 0x10
  private static let multicastAll: UInt8 = 0x40
  /// INET_DIAG_CGROUP_ID, which comes unasked.
  private static let cgroup: UInt16 = 21
  /// INET_DIAG_INFO, and where struct tcp_info (linux/tcp.h) has tcpi_last_data_sent and tcpi_last_data_recv.
  private static let information: UInt16 = 2
  private static let lastDataSent = 44
  private static let lastDataReceived = 52

  /// Appends the sockets in one datagram. Returns whether a dump has ended. `sequence`: the question's number, whose
  /// answers alone count; nil for multicasts.
  static func parse(_ datagram: RawSpan, sequence: UInt32?, into out: inout [TCPConnection]) throws(SockDiagError)
    -> Bool
  {
    var offset = 0
    while datagram.byteCount - offset >= headerBytes {
      let length = Int(datagram.number(at: offset) as UInt32)
      let type: UInt16 = datagram.number(at: offset + 4)
      guard length >= headerBytes, length <= datagram.byteCount - offset else { throw .malformed }
      let body = datagram.extracting((offset + headerBytes)..<(offset + length))
      let isAnswer = sequence == nil || sequence == (datagram.number(at: offset + 8) as UInt32)
      switch Int32(type) {
      case _ where !isAnswer: break
      case 3:  // NLMSG_DONE
        try NetlinkError.check(endOfDump: body)
        return true
      case 2: try NetlinkError.check(body)  // NLMSG_ERROR
      default:
        if let connection = try connection(body) { out.append(connection) }
      }
      offset += (length + 3) & ~3
    }
    return false
  }

  private static func connection(_ body: RawSpan) throws(SockDiagError) -> TCPConnection? {
    guard body.byteCount >= messageBytes else { throw .malformed }
    guard let family = SocketAddress.Family(rawValue: body.number(at: 0)) else { return nil }
    guard let state = TCPConnection.State(rawValue: body.number(at: 1)) else { return nil }
    func address(port: Int, bytes start: Int) -> SocketAddress {
      let number = UInt16(bigEndian: body.number(at: port))
      switch family {
      case .v4:
        let address = UInt32(bigEndian: body.number(at: start))
        return SocketAddress(family: family, high: 0, low: UInt64(address), port: number)
      case .v6:
        let high = UInt64(bigEndian: body.number(at: start))
        // idiag_if: sk_bound_dev_if, which is the interface of a socket with such an address.
        let interface: UInt32 = body.number(at: 40)
        return SocketAddress(
          family: family, high: high, low: UInt64(bigEndian: body.number(at: start + 8)), port: number,
          scope: SocketAddress.isOfInterface(high: high) ? interface : 0)
      }
    }
    var connection = TCPConnection(
      state: state, local: address(port: 4, bytes: 8), remote: address(port: 6, bytes: 24),
      cookie: body.number(at: 44), inode: body.number(at: 68), unreadBytes: body.number(at: 56),
      unsentBytes: body.number(at: 60))
    try readAttributes(of: body, into: &connection)
    return connection
  }

  private static func readAttributes(of body: RawSpan, into connection: inout TCPConnection) throws(SockDiagError) {
    var offset = messageBytes
    while body.byteCount - offset >= 4 {
      let length = Int(body.number(at: offset) as UInt16)
      let type: UInt16 = body.number(at: offset + 2)
      guard length >= 4, length <= body.byteCount - offset else { throw .malformed }
      let value = body.extracting((offset + 4)..<(offset + length))
      switch type & 0x3fff {
      case socketOptions where value.byteCount >= 1:
        let flags: UInt8 = value.number(at: 0)
        connection.generationMark = (flags & multicastLoop != 0 ? 1 : 0) | (flags & multicastAll != 0 ? 2 : 0)
      case cgroup where value.byteCount >= 8: connection.cgroup = value.number(at: 0)
      case information where value.byteCount >= lastDataReceived + 4:
        connection.traffic = TCPConnection.Traffic(
          receivedAgo: value.number(at: lastDataReceived), sentAgo: value.number(at: lastDataSent))
      default: break
      }
      offset += (length + 3) & ~3
    }
  }
}
