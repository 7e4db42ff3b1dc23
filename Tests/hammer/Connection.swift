import Glibc

/// One connection to the server, or one UDP socket that is used as such, closed when it goes out of scope.
struct Connection: ~Copyable {
  private let descriptor: Int32

  /// What came back for one request.
  struct Reply {
    /// When the reply could first be told to be the right one.
    let recognizedAtNanoseconds: Int
    /// The server said, or showed, that it takes no other request on this connection.
    let serverCloses: Bool
  }

  /// Connects, and is back with a connection by the deadline or throws.
  init(to endpoint: Endpoint, deadlineNanoseconds: Int) throws(Failure) {
    let flags =
      endpoint.type.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
    descriptor = socket(endpoint.family, Int32(flags), 0)
    guard descriptor >= 0 else { throw .connecting(errno) }
    let status = endpoint.connect(descriptor)
    guard status == EINPROGRESS else {
      guard status == 0 else { throw .connecting(status) }
      return
    }
    guard wait(for: POLLOUT, untilNanoseconds: deadlineNanoseconds) else {
      throw Failure(kind: .connectTimeout, detail: "connecting")
    }
    var pendingError: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &pendingError, &length)
    guard pendingError == 0 else { throw .connecting(pendingError) }
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
  }

  func send(_ request: [UInt8], deadlineNanoseconds: Int) throws(Failure) {
    var unsent = request[...]
    while !unsent.isEmpty {
      // A SIGPIPE would end the whole run over one lost connection.
      let sent = unsent.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if sent >= 0 {
        unsent = unsent.dropFirst(sent)
      } else if errno == EAGAIN {
        guard wait(for: POLLOUT, untilNanoseconds: deadlineNanoseconds) else {
          throw Failure(kind: .sendError, errorNumber: ETIMEDOUT, detail: "sending")
        }
      } else if errno != EINTR {
        throw .sending(errno)
      }
    }
  }

  /// Reads one whole reply.
  func readReply(
    with expected: any ReplyReader, into buffer: inout [UInt8], deadlineNanoseconds: Int
  ) throws(Failure) -> Reply {
    var reader = expected
    var recognizedAt: Int?
    while true {
      guard wait(for: POLLIN, untilNanoseconds: deadlineNanoseconds) else {
        throw Failure(kind: .replyTimeout, detail: recognizedAt == nil ? "waiting for a reply" : "reading a reply")
      }
      guard let count = try receive(into: &buffer, while: "reading a reply") else { continue }
      let now = MonotonicClock.nowNanoseconds()
      switch count == 0 ? reader.takeEndOfFile() : reader.take(buffer[..<count]) {
      case .awaited: break
      case .begun: recognizedAt = recognizedAt ?? now
      case .answer(let bytes): try send(bytes, deadlineNanoseconds: deadlineNanoseconds)
      case .complete(let serverCloses):
        return Reply(recognizedAtNanoseconds: recognizedAt ?? now, serverCloses: serverCloses)
      case .wrong(let beginning): throw Failure(kind: .wrongReply, detail: "reply begins \"\(beginning)\"")
      case .notReady(let beginning): throw Failure(kind: .notReady, detail: "reply begins \"\(beginning)\"")
      case .cutShort:
        throw Failure(kind: .endOfFileWithoutReply, detail: recognizedAt == nil ? "waiting for a reply" : "in a reply")
      }
    }
  }

  /// Keeps the connection open and says nothing; the server must not close it meanwhile.
  func hold(untilNanoseconds end: Int, using buffer: inout [UInt8]) throws(Failure) {
    while wait(for: POLLIN, untilNanoseconds: end) {
      // Some servers say more than they were asked for; that is no loss.
      if try receive(into: &buffer, while: "held") == 0 {
        throw Failure(kind: .endOfFileWithoutReply, detail: "held, before the second request")
      }
    }
  }

  /// How many bytes came, 0 being the end of the file, or nil when there was nothing after all.
  private func receive(into buffer: inout [UInt8], while activity: String) throws(Failure) -> Int? {
    let count = buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
    if count >= 0 { return count }
    guard errno == EAGAIN || errno == EINTR else { throw .receiving(errno, while: activity) }
    return nil
  }

  /// False when the time has passed and the socket still isn't ready.
  private func wait(for events: Int32, untilNanoseconds end: Int) -> Bool {
    var interest = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    while true {
      let left = max(0, end - MonotonicClock.nowNanoseconds())
      // Rounded up: to poll 0 ms over and over in the last millisecond would burn the processor.
      let ready = poll(&interest, 1, Int32(clamping: (left + 999_999) / 1_000_000))
      if ready > 0 { return true }
      if ready == 0 && left == 0 { return false }
    }
  }
}
