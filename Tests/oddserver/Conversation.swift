import Glibc

/// One connection: a reply to each line.
struct Conversation {
  let connection: Int32
  private let behaviours: Behaviours
  private var unfinishedLine: [UInt8] = []

  /// A line longer than this is no request of a test.
  private static let lineBytesMax = 65_536

  init(_ connection: Int32, _ behaviours: Behaviours) {
    self.connection = connection
    self.behaviours = behaviours
  }

  /// Reads what is there, or waits for it where the flags don't say otherwise, and replies. False when the connection
  /// is over; it's closed then.
  mutating func continues(receiveFlags: Int32) -> Bool {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = recv(connection, &bytes, bytes.count, receiveFlags)
    if count < 0, errno == EAGAIN || errno == EINTR { return true }
    guard count > 0 else { return end() }
    unfinishedLine += bytes[..<count]
    while let newline = unfinishedLine.firstIndex(of: UInt8(ascii: "\n")) {
      let line = String(decoding: unfinishedLine[..<newline], as: UTF8.self)
      unfinishedLine.removeSubrange(...newline)
      let reply = reply(to: line.hasSuffix("\r") ? String(line.dropLast()) : line) + "\r\n"
      guard send(connection, reply, reply.utf8.count, Int32(MSG_NOSIGNAL)) >= 0 else { return end() }
      if behaviours.isOneShot { return end() }
    }
    return unfinishedLine.count > Self.lineBytesMax ? end() : true
  }

  private func end() -> Bool {
    close(connection)
    if behaviours.isOneShot { exit(0) }
    return false
  }

  private func reply(to line: String) -> String {
    if line == "CRASH" && behaviours.crashesOnRequest { abort() }
    if line == "ENV" && behaviours.printsEnvironment { return ProcessFacts.line() }
    return "+PONG"
  }
}
