/// unix_diag_req behind its netlink header (linux/unix_diag.h).
struct UnixDiagRequest {
  /// What is shown of each socket: UDIAG_SHOW_*.
  struct Show: OptionSet {
    let rawValue: UInt32
    static let name = Show(rawValue: 1)
    static let file = Show(rawValue: 2)
    static let peer = Show(rawValue: 4)
    static let waiting = Show(rawValue: 8)
    static let queueLength = Show(rawValue: 16)
  }

  /// One socket by its inode; nil: all.
  var inode: UInt32?
  /// Bits of 1 << state.
  var states: UInt32 = .max
  var show: Show
  var sequence: UInt32

  var bytes: [UInt8] {
    var out: [UInt8] = []
    func append<Number: FixedWidthInteger>(_ number: Number) {
      unsafe withUnsafeBytes(of: number) { unsafe out.append(contentsOf: $0) }
    }
    append(UInt32(16 + 24))  // nlmsg_len
    append(UInt16(20))  // SOCK_DIAG_BY_FAMILY
    append(UInt16(inode == nil ? 0x301 : 1))  // NLM_F_REQUEST, and NLM_F_DUMP for all
    append(sequence)
    append(UInt32(0))  // nlmsg_pid: the kernel
    append(UInt8(1))  // AF_UNIX
    append(UInt8(0))  // protocol
    append(UInt16(0))
    append(states)
    append(inode ?? 0)
    append(show.rawValue)
    append(UInt64.max)  // any cookie
    return out
  }
}

/// unix_diag_msg and its attributes.
enum UnixDiagMessage {
  private static let headerBytes = 16
  private static let messageBytes = 16

  /// Appends the sockets in one datagram. Returns whether the answer has ended.
  static func parse(_ datagram: RawSpan, sequence: UInt32, into out: inout [UnixDiag.Entry]) throws(SockDiagError)
    -> Bool
  {
    var offset = 0
    while datagram.byteCount - offset >= headerBytes {
      let length = Int(datagram.number(at: offset) as UInt32)
      let type: UInt16 = datagram.number(at: offset + 4)
      guard length >= headerBytes, length <= datagram.byteCount - offset else { throw .malformed }
      let body = datagram.extracting((offset + headerBytes)..<(offset + length))
      let isAnswer = sequence == (datagram.number(at: offset + 8) as UInt32)
      switch Int32(type) {
      case _ where !isAnswer: break
      case 3:  // NLMSG_DONE
        try NetlinkError.check(endOfDump: body)
        return true
      case 2: try NetlinkError.check(body)  // NLMSG_ERROR
      default:
        let isLast: UInt16 = datagram.number(at: offset + 6)
        out.append(try entry(body))
        // A single answer has no end of its own: NLM_F_MULTI isn't set.
        if isLast & 2 == 0 { return true }
      }
      offset += (length + 3) & ~3
    }
    return false
  }

  private static func entry(_ body: RawSpan) throws(SockDiagError) -> UnixDiag.Entry {
    guard body.byteCount >= messageBytes else { throw .malformed }
    var entry = UnixDiag.Entry(
      type: body.number(at: 1), state: body.number(at: 2), inode: body.number(at: 4), cookie: body.number(at: 8))
    var offset = messageBytes
    while body.byteCount - offset >= 4 {
      let length = Int(body.number(at: offset) as UInt16)
      let type: UInt16 = body.number(at: offset + 2)
      guard length >= 4, length <= body.byteCount - offset else { throw .malformed }
      let value = body.extracting((offset + 4)..<(offset + length))
      switch type & 0x3fff {
      case 0: entry.address = address(value)
      case 1:
        guard value.byteCount >= 8 else { throw .malformed }
        entry.file = UnixDiag.File(inode: value.number(at: 0), device: value.number(at: 4))
      case 2:
        guard value.byteCount >= 4 else { throw .malformed }
        entry.peer = value.number(at: 0)
      case 3:
        entry.waiting = (0..<(value.byteCount / 4)).map { value.number(at: $0 * 4) }
      case 4:
        guard value.byteCount >= 8 else { throw .malformed }
        entry.queueLength = value.number(at: 0)
      case 6:
        guard value.byteCount >= 1 else { throw .malformed }
        entry.shutDown = value.number(at: 0)
      default: break
      }
      offset += (length + 3) & ~3
    }
    return entry
  }

  private static func address(_ value: RawSpan) -> UnixAddress? {
    var name: [UInt8] = (0..<min(value.byteCount, 110)).map { value.number(at: $0) }
    // A path comes with its terminating 0.
    if name.first != 0, name.last == 0 { name.removeLast() }
    return UnixAddress(name: name)
  }
}
