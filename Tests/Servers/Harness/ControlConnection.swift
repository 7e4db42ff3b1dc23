import Foundation
import Varlink

/// A client of a control socket that says whatever it is told to, and waits only as long as it is told to.
final class ControlConnection {
  private let descriptor: Int32
  private var reader = MessageReader(limitBytes: 64 << 20)

  init(to path: String) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard descriptor >= 0, result == 0 else {
      let failure = SystemFailure("connect to '\(path)'")
      if descriptor >= 0 { close(descriptor) }
      throw failure
    }
  }

  deinit { close(descriptor) }

  func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// Sends all of it, or as much as is taken within the time. Returns how much went.
  @discardableResult
  func send(_ bytes: [UInt8], within limit: Duration = .seconds(10)) -> Int {
    let deadline = Deadline(after: limit)
    var start = 0
    while start < bytes.count, waits(for: POLLOUT, by: deadline) {
      let count = bytes.withUnsafeBytes {
        let rest = UnsafeRawBufferPointer(rebasing: $0[start...])
        return Glibc.send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
      }
      if count < 0, errno != EAGAIN { break }
      start += max(0, count)
    }
    return start
  }

  /// A message, with its NUL.
  func send(_ text: String) { send(Array(text.utf8) + [0]) }

  func call(_ method: String, _ parameters: String = "{}", more: Bool = false) {
    send(#"{"method":"\#(method)","parameters":\#(parameters)\#(more ? #","more":true"# : "")}"#)
  }

  /// The next reply; nil when the connection has ended, or none came in time.
  func reply(within limit: Duration = .seconds(10)) throws -> ReceivedReply? {
    guard let message = try message(within: limit) else { return nil }
    return ReceivedReply(message)
  }

  func message(within limit: Duration = .seconds(10)) throws -> [UInt8]? {
    let deadline = Deadline(after: limit)
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      if let message = try reader.next() { return message }
      guard waits(for: POLLIN, by: deadline) else { return nil }
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else { return nil }
      reader.append(buffer[..<count])
    }
  }

  /// Whether the server has closed it by then; replies that come first are passed over.
  func hasEnded(within limit: Duration = .seconds(10)) -> Bool {
    let deadline = Deadline(after: limit)
    var buffer = [UInt8](repeating: 0, count: 65536)
    while waits(for: POLLIN, by: deadline) { if recv(descriptor, &buffer, buffer.count, 0) <= 0 { return true } }
    return false
  }

  private func waits(for events: Int32, by deadline: Deadline) -> Bool {
    var item = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    return poll(&item, 1, deadline.remainingMilliseconds) == 1
  }
}
