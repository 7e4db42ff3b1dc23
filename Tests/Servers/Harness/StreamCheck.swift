import Foundation

/// Sends a long stream whose every byte is known by one connection and reads it by another, each on a thread of its own.
final class StreamCheck: @unchecked Sendable {
  private let condition = NSCondition()
  private var left = 2
  private var failure: String?

  private static func byte(_ position: Int) -> UInt8 {
    UInt8(truncatingIfNeeded: position ^ position >> 8 ^ position >> 16)
  }

  init(from source: Client, to target: Client, bytes: Int) {
    let descriptors = (source.number, target.number)
    Thread.detachNewThread { [self] in finished(Self.send(by: descriptors.0, bytes: bytes)) }
    Thread.detachNewThread { [self] in finished(Self.receive(by: descriptors.1, bytes: bytes)) }
  }

  /// nil: every byte has arrived.
  func finish(within limit: Duration = .seconds(60)) -> String? {
    let deadline = Deadline(after: limit)
    return condition.withLock {
      while left > 0 { if !condition.wait(until: deadline.date) { return "not all has arrived in time" } }
      return failure
    }
  }

  private func finished(_ failure: String?) {
    condition.withLock {
      left -= 1
      self.failure = self.failure ?? failure
      condition.broadcast()
    }
  }

  private static func wait(_ descriptor: Int32, _ event: Int32) -> Bool {
    var item = pollfd(fd: descriptor, events: Int16(event), revents: 0)
    return poll(&item, 1, 20000) == 1
  }

  private static func send(by descriptor: Int32, bytes: Int) -> String? {
    var sent = 0
    while sent < bytes {
      let chunk = (sent..<min(sent + 65536, bytes)).map(byte)
      guard wait(descriptor, POLLOUT) else { return "nobody reads any more" }
      let count = Glibc.send(descriptor, chunk, chunk.count, Int32(MSG_NOSIGNAL))
      if count < 0, errno != EAGAIN { return "send: \(String(cString: strerror(errno)))" }
      sent += max(0, count)
    }
    return nil
  }

  private static func receive(by descriptor: Int32, bytes: Int) -> String? {
    var received = 0
    var buffer = [UInt8](repeating: 0, count: 65536)
    while received < bytes {
      guard wait(descriptor, POLLIN) else { return "nothing comes any more after \(received) bytes" }
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count == 0 { return "an end after \(received) bytes" }
      if count < 0, errno != EAGAIN { return "recv: \(String(cString: strerror(errno)))" }
      for offset in 0..<max(0, count) where buffer[offset] != byte(received + offset) {
        return "byte \(received + offset) is wrong"
      }
      received += max(0, count)
    }
    return nil
  }
}
