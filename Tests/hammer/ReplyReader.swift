/// How far a reply has come.
enum ReplyProgress: Equatable {
  /// Nothing yet that tells a right reply from a wrong one.
  case awaited
  /// It is the reply that was expected; more of it is to come.
  case begun
  /// It can't go on before this is said, as in a login.
  case answer([UInt8])
  case complete(serverCloses: Bool)
  /// Not what was expected; its beginning.
  case wrong(String)
  /// The server says of itself that it isn't ready yet.
  case notReady(String)
  /// The connection ended before the reply did.
  case cutShort
}

/// Takes a reply as it arrives, in pieces of any size.
protocol ReplyReader {
  mutating func take(_ bytes: ArraySlice<UInt8>) -> ReplyProgress
  /// The server closed its side.
  func takeEndOfFile() -> ReplyProgress
}

/// No line and no head of a reply is longer than this, so that a server that babbles can't take our memory.
let replyBytesMax = 65_536

/// A reply that is one line with a given beginning.
struct LineReplyReader: ReplyReader {
  private let prefix: [UInt8]
  private var line: [UInt8] = []

  init(prefix: String) {
    self.prefix = Array(prefix.utf8)
  }

  mutating func take(_ bytes: ArraySlice<UInt8>) -> ReplyProgress {
    let newline = UInt8(ascii: "\n")
    line += bytes.prefix { $0 != newline }
    guard bytes.contains(newline) else {
      return line.count > replyBytesMax ? .wrong(excerpt(of: line)) : .awaited
    }
    return line.starts(with: prefix) ? .complete(serverCloses: false) : .wrong(excerpt(of: line))
  }

  func takeEndOfFile() -> ReplyProgress { .cutShort }
}

/// The beginning of a reply, printable and on one line.
func excerpt(of bytes: some Collection<UInt8>) -> String {
  String(decoding: bytes.prefix(60).map { (0x20..<0x7F).contains($0) ? $0 : UInt8(ascii: ".") }, as: UTF8.self)
}
