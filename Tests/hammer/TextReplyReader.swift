/// A reply that is known to the last byte.
struct TextReplyReader: ReplyReader {
  private let expected: [UInt8]
  private var received: [UInt8] = []
  /// What redis says of itself while it reads its file.
  private static let loading = Array("-LOADING".utf8)

  init(expected: String) { self.expected = Array(expected.utf8) }

  mutating func take(_ bytes: ArraySlice<UInt8>) -> ReplyProgress {
    received += bytes
    if received == expected { return .complete(serverCloses: false) }
    if expected.starts(with: received) { return .begun }
    if received.starts(with: Self.loading) { return .notReady(excerpt(of: received)) }
    return .wrong(excerpt(of: received))
  }

  func takeEndOfFile() -> ReplyProgress { .cutShort }
}
