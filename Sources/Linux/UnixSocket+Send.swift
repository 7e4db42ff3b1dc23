import Glibc

extension UnixSocket {
  /// Sends as much of `bytes` as goes, from `start` on. Returns how much went. Throws `.again` when that is nothing now, EPIPE when
  /// nobody is there any more, whatever becomes of SIGPIPE.
  public borrowing func send(_ bytes: [UInt8], from start: Int = 0) throws(Errno) -> Int {
    let number = descriptor.number
    return try call {
      unsafe bytes.withUnsafeBytes { buffer in
        guard let base = buffer.baseAddress else { return 0 }
        return unsafe Glibc.send(number, base + start, buffer.count - start, Int32(MSG_NOSIGNAL))
      }
    }
  }

  /// Whether a read would not wait any more, after at most so long; nil: without a limit. For programs without a loop.
  public borrowing func waitUntilReadable(milliseconds limit: Int32?) -> Bool {
    var entry = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&entry, 1, limit ?? -1) == 1
  }
}
