/// The MySQL protocol, as far as one value needs it: greeting, login as root without a password, one statement.
/// https://mariadb.com/kb/en/clientserver-protocol/
struct MySQLReplyReader: ReplyReader {
  private enum State { case greeting, login, columnCount, columns, row, end }
  private let query: String
  private let expected: [UInt8]
  private var state: State
  private var buffer = MessageBuffer(headerBytes: 4) { 4 + $0.prefix(3).littleEndian }

  init(query: String, expected: String, hasLoggedIn: Bool) {
    self.query = query
    self.expected = Array(expected.utf8)
    state = hasLoggedIn ? .columnCount : .greeting
  }

  mutating func take(_ bytes: ArraySlice<UInt8>) -> ReplyProgress {
    buffer.append(bytes)
    var progress = ReplyProgress.begun
    while progress == .begun, let packet = buffer.next() { progress = take(payload: packet.dropFirst(4)) }
    return buffer.isTooLong ? .wrong("more than a packet") : progress
  }

  func takeEndOfFile() -> ReplyProgress { .cutShort }

  private mutating func take(payload: ArraySlice<UInt8>) -> ReplyProgress {
    let isError = payload.first == 0xFF
    let isEnd = payload.first == 0xFE && payload.count < 9
    if isError { return .wrong(excerpt(of: payload)) }
    switch state {
    case .greeting:
      guard payload.first == 10 else { return .wrong(excerpt(of: payload)) }
      state = .login
      return .answer(Self.login)
    case .login:
      guard payload.first == 0 else { return .wrong(excerpt(of: payload)) }
      state = .columnCount
      return .answer(Self.query(query))
    case .columnCount:
      guard payload.elementsEqual([1]) else { return .wrong(excerpt(of: payload)) }
      state = .columns
    case .columns:
      if isEnd { state = .row }
    case .row:
      guard payload.elementsEqual([UInt8(clamping: expected.count)] + expected) else {
        return .wrong(excerpt(of: payload))
      }
      state = .end
    case .end:
      return isEnd ? .complete(serverCloses: false) : .wrong(excerpt(of: payload))
    }
    return .begun
  }

  static func query(_ statement: String) -> [UInt8] { packet(number: 0, [0x03] + Array(statement.utf8)) }

  private static let login: [UInt8] = {
    // CLIENT_LONG_PASSWORD, CLIENT_PROTOCOL_41, CLIENT_SECURE_CONNECTION, CLIENT_PLUGIN_AUTH.
    let capabilities: UInt32 = 0x1 | 0x200 | 0x8000 | 0x80000
    let utf8mb4: UInt8 = 45
    return packet(
      number: 1,
      capabilities.littleEndianBytes + UInt32(1 << 24).littleEndianBytes + [utf8mb4]
        + [UInt8](repeating: 0, count: 23) + Array("root\0".utf8) + [0] + Array("mysql_native_password\0".utf8))
  }()

  private static func packet(number: UInt8, _ payload: [UInt8]) -> [UInt8] {
    UInt32(payload.count).littleEndianBytes.prefix(3) + [number] + payload
  }
}
