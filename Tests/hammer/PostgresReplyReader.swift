/// PostgreSQL's protocol, version 3, as far as one value needs it: login without a password, one statement.
/// https://www.postgresql.org/docs/15/protocol-message-formats.html
struct PostgresReplyReader: ReplyReader {
  private enum State { case login, row, end }
  private let query: String
  private let expected: [UInt8]
  private var state: State
  private var buffer = MessageBuffer(headerBytes: 5) { 1 + $0.dropFirst().bigEndian }

  init(query: String, expected: String, hasLoggedIn: Bool) {
    self.query = query
    self.expected = Array(expected.utf8)
    state = hasLoggedIn ? .row : .login
  }

  mutating func take(_ bytes: ArraySlice<UInt8>) -> ReplyProgress {
    buffer.append(bytes)
    var progress = ReplyProgress.begun
    while progress == .begun, let message = buffer.next() {
      progress = take(type: message.first ?? 0, body: message.dropFirst(5))
    }
    return buffer.isTooLong ? .wrong("more than a message") : progress
  }

  func takeEndOfFile() -> ReplyProgress { .cutShort }

  private mutating func take(type: UInt8, body: ArraySlice<UInt8>) -> ReplyProgress {
    switch (UInt8(ascii: "E") == type, Character(UnicodeScalar(type)), state) {
    case (true, _, _):
      // cannot_connect_now: it accepts while it starts and while it stops.
      return String(decoding: body, as: UTF8.self).contains("C57P03\0")
        ? .notReady(excerpt(of: body)) : .wrong(excerpt(of: body))
    case (_, "R", .login):
      if body.bigEndian != 0 { return .wrong("authentication \(body.bigEndian) is asked for") }
    case (_, "Z", .login):
      state = .row
      return .answer(Self.query(query))
    case (_, "D", .row):
      // One column: its length and its text.
      let row = UInt16(1).bigEndianBytes + UInt32(expected.count).bigEndianBytes + expected
      guard body.elementsEqual(row) else { return .wrong(excerpt(of: body)) }
      state = .end
    case (_, "Z", .end): return .complete(serverCloses: false)
    case (_, "Z", _): return .wrong("no row")
    case (_, "S", _), (_, "K", _), (_, "N", _), (_, "T", _), (_, "C", _): break
    default: return .wrong(excerpt(of: body))
    }
    return .begun
  }

  static let startup: [UInt8] = {
    let body = UInt32(3 << 16).bigEndianBytes + Array("user\0postgres\0database\0postgres\0\0".utf8)
    return UInt32(4 + body.count).bigEndianBytes + body
  }()

  static func query(_ statement: String) -> [UInt8] {
    let text = Array(statement.utf8) + [0]
    return [UInt8(ascii: "Q")] + UInt32(4 + text.count).bigEndianBytes + text
  }
}
