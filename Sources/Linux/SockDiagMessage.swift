import CLinux
import Glibc

/// inet_diag_req_v2 behind its netlink header (linux/inet_diag.h): a dump of one family's TCP sockets with one local port.
struct SockDiagRequest {
  var family: SocketAddress.Family
  var localPort: UInt16
  var states: UInt32
  var sequence: UInt32

  /// Every state but LISTEN, TIME_WAIT and CLOSE: bits of 1 << state.
  static let connected: UInt32 = 0x1fff & ~(1 << 10 | 1 << 6 | 1 << 7 | 1)

  var bytes: [UInt8] {
    var out: [UInt8] = []
    func append<Number: FixedWidthInteger>(_ number: Number) {
      unsafe withUnsafeBytes(of: number) { unsafe out.append(contentsOf: $0) }
    }
    append(UInt32(16 + 56))  // nlmsg_len
    append(UInt16(20))  // SOCK_DIAG_BY_FAMILY
    append(UInt16(0x301))  // NLM_F_REQUEST | NLM_F_DUMP
    append(sequence)
    append(UInt32(0))  // nlmsg_pid: the kernel
    append(family.rawValue)
    append(UInt8(6))  // IPPROTO_TCP
    append(UInt8(0))  // no extensions: INET_DIAG_SOCKOPT comes unasked
    append(UInt8(0))
    append(states)
    append(localPort.bigEndian)
    out.append(contentsOf: [UInt8](repeating: 0, count: 46))  // the rest of inet_diag_sockid
    return out
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
        return true
      case 2:  // NLMSG_ERROR
        guard body.byteCount >= 4 else { throw .malformed }
        let code: Int32 = body.number(at: 0)
        // Of the kernel it is an errno; of anybody else it could be any number.
        if code != 0 { throw .kernel(Errno(code == .min ? .max : -code)) }
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
      let count = family == .v4 ? 4 : 16
      return SocketAddress(
        family: family, bytes: (0..<count).map { body.number(at: start + $0) },
        port: UInt16(bigEndian: body.number(at: port)))
    }
    return TCPConnection(
      state: state, local: address(port: 4, bytes: 8), remote: address(port: 6, bytes: 24),
      cookie: body.number(at: 44), inode: body.number(at: 68), generationMark: try mark(body))
  }

  private static func mark(_ body: RawSpan) throws(SockDiagError) -> UInt8? {
    var offset = messageBytes
    while body.byteCount - offset >= 4 {
      let length = Int(body.number(at: offset) as UInt16)
      let type: UInt16 = body.number(at: offset + 2)
      guard length >= 4, length <= body.byteCount - offset else { throw .malformed }
      if type & 0x3fff == socketOptions, length >= 5 {
        let flags: UInt8 = body.number(at: offset + 4)
        return (flags & multicastLoop != 0 ? 1 : 0) | (flags & multicastAll != 0 ? 2 : 0)
      }
      offset += (length + 3) & ~3
    }
    return nil
  }
}
