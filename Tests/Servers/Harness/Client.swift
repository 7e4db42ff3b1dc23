import Foundation
import Glibc

/// What a client can suffer.
enum ClientFailure: Error, Equatable {
  case refused
  case reset
  case timedOut
  /// The connection was closed before the answer was complete.
  case endOfFile(received: String)
  case system(String)

  init(_ call: String, _ code: Int32) {
    self =
      switch code {
      case ECONNREFUSED: .refused
      case ECONNRESET, EPIPE: .reset
      default: .system("\(call): \(String(cString: strerror(code)))")
      }
  }
}

/// A TCP client whose every call waits, for as long as it is told. Non-blocking underneath, so that many can begin to connect
/// at the same moment.
final class Client {
  private var descriptor: Int32

  /// Sends the SYN and doesn't wait for its answer.
  init(beginConnectingTo endpoint: Endpoint) throws(ClientFailure) {
    let type =
      endpoint.socketType | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    descriptor = socket(endpoint.family, type, 0)
    guard descriptor >= 0 else { throw ClientFailure("socket", errno) }
    let socket = descriptor
    if endpoint.withAddress({ connect(socket, $0, $1) }) != 0, errno != EINPROGRESS {
      throw ClientFailure("connect", errno)
    }
  }

  convenience init(connectingTo endpoint: Endpoint, within limit: Duration = .seconds(10)) throws(ClientFailure) {
    try self.init(beginConnectingTo: endpoint)
    try waitUntilConnected(within: limit)
  }

  /// The other side of a connection: takes over an accepted descriptor.
  init(accepted descriptor: Int32) { self.descriptor = descriptor }

  deinit { close() }

  /// For threads that use it while it stays open.
  var number: Int32 { descriptor }

  /// Until its peer's kernel has acknowledged everything that was sent.
  func waitUntilSent(within limit: Duration = .seconds(10)) -> Bool {
    let deadline = Deadline(after: limit)
    while !deadline.hasPassed {
      var unsent: Int32 = 0
      if ioctl(descriptor, UInt(TIOCOUTQ), &unsent) == 0, unsent == 0 { return true }
      usleep(2000)
    }
    return false
  }

  func receiveBytes(count: Int, within limit: Duration = .seconds(10)) throws(ClientFailure) -> [UInt8] {
    let deadline = Deadline(after: limit)
    var received: [UInt8] = []
    while received.count < count {
      try wait(for: POLLIN, by: deadline)
      var buffer = [UInt8](repeating: 0, count: count - received.count)
      let length = recv(descriptor, &buffer, buffer.count, 0)
      guard length > 0 else { throw ClientFailure("recv", length == 0 ? ECONNRESET : errno) }
      received += buffer[..<length]
    }
    return received
  }

  func shutDownWriting() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// Closes with RST.
  func reset() {
    var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
    close()
  }

  /// Small buffers, so that what isn't read soon stays with its sender.
  func useSmallBuffers() {
    for option in [SO_RCVBUF, SO_SNDBUF] {
      var size: Int32 = 32768
      setsockopt(descriptor, SOL_SOCKET, option, &size, socklen_t(MemoryLayout<Int32>.size))
    }
  }

  /// One a second, from the first on.
  func sendKeepaliveProbes() {
    for (level, option) in [
      (SOL_SOCKET, SO_KEEPALIVE), (Int32(IPPROTO_TCP), TCP_KEEPIDLE), (Int32(IPPROTO_TCP), TCP_KEEPINTVL),
    ] {
      var one: Int32 = 1
      setsockopt(descriptor, level, option, &one, socklen_t(MemoryLayout<Int32>.size))
    }
  }

  /// The server has closed it, one way or another.
  func expectEnd(within limit: Duration = .seconds(5)) throws(ClientFailure) {
    do throws(ClientFailure) { _ = try receiveToEnd(within: limit) } catch { if error != .reset { throw error } }
  }

  func close() {
    if descriptor >= 0 { Glibc.close(descriptor) }
    descriptor = -1
  }

  func waitUntilConnected(within limit: Duration = .seconds(10)) throws(ClientFailure) {
    try wait(for: POLLOUT, by: Deadline(after: limit))
    var code: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
    guard code == 0 else { throw ClientFailure("connect", code) }
  }

  func send(_ text: String, within limit: Duration = .seconds(10)) throws(ClientFailure) {
    let deadline = Deadline(after: limit)
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      try wait(for: POLLOUT, by: deadline)
      let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if count < 0, errno == EAGAIN || errno == EINTR { continue }
      guard count >= 0 else { throw ClientFailure("send", errno) }
      rest = rest.dropFirst(count)
    }
  }

  /// Everything up to the first moment at which `isComplete` holds of it.
  func receive(
    within limit: Duration = .seconds(10), until isComplete: (String) -> Bool
  ) throws(ClientFailure) -> String {
    let (text, hasEnded) = try read(by: Deadline(after: limit), until: isComplete)
    if hasEnded, !isComplete(text) { throw .endOfFile(received: text) }
    return text
  }

  func receiveToEnd(within limit: Duration = .seconds(10)) throws(ClientFailure) -> String {
    try read(by: Deadline(after: limit)) { _ in false }.text
  }

  /// Whether nothing at all comes, not even an end, for so long.
  func hearsNothing(for duration: Duration) -> Bool {
    do throws(ClientFailure) {
      try wait(for: POLLIN, by: Deadline(after: duration))
      return false
    } catch {
      return error == .timedOut
    }
  }

  /// The server has neither closed nor reset it, whatever it has sent.
  var isOpen: Bool {
    // POLLRDHUP, which is hidden in C without _GNU_SOURCE.
    var item = pollfd(fd: descriptor, events: 0x2000, revents: 0)
    return poll(&item, 1, 0) == 0
  }

  /// Our end of the connection, as "127.0.0.1:50712".
  var localAddress: String {
    var address = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(descriptor, $0, &size) }
    }
    return "127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
  }

  private func read(
    by deadline: Deadline, until isComplete: (String) -> Bool
  ) throws(ClientFailure) -> (text: String, hasEnded: Bool) {
    var received: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16384)
    while true {
      try wait(for: POLLIN, by: deadline)
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count < 0, errno == EAGAIN || errno == EINTR { continue }
      guard count >= 0 else { throw ClientFailure("recv", errno) }
      received.append(contentsOf: buffer[..<count])
      let text = String(decoding: received, as: UTF8.self)
      if count == 0 { return (text, true) }
      if isComplete(text) { return (text, false) }
    }
  }

  private func wait(for event: Int32, by deadline: Deadline) throws(ClientFailure) {
    while true {
      var item = pollfd(fd: descriptor, events: Int16(event), revents: 0)
      let count = poll(&item, 1, deadline.remainingMilliseconds)
      if count > 0 { return }
      if count < 0, errno != EINTR { throw ClientFailure("poll", errno) }
      if count == 0 { throw .timedOut }
    }
  }
}
