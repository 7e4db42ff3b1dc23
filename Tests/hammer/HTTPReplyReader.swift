/// An HTTP reply, read to its end by Content-Length, by the last chunk, or by the end of the connection: a reply that a
/// stop cut in two is a lost one too. Its status has to be 200.
struct HTTPReplyReader: ReplyReader {
  private enum State: Equatable {
    case head
    case body(missingBytes: Int, serverCloses: Bool)
    case chunks(serverCloses: Bool)
    case untilEndOfFile
  }

  private var state = State.head
  /// The head while it arrives, afterwards the last bytes of a chunked body.
  private var recent: [UInt8] = []
  /// What the body has to hold, and the body as far as that takes it.
  private let expected: [UInt8]?
  private var body: [UInt8] = []

  init(body: String?) { expected = body.map { Array($0.utf8) } }

  mutating func take(_ bytes: ArraySlice<UInt8>) -> ReplyProgress {
    let progress = read(bytes)
    return checked(progress)
  }

  /// A proxy tells by a page of its own that the server behind it was lost.
  private func checked(_ progress: ReplyProgress) -> ReplyProgress {
    guard case .complete = progress, let expected, !body.contains(expected) else { return progress }
    return .wrong(excerpt(of: body))
  }

  private mutating func read(_ bytes: ArraySlice<UInt8>) -> ReplyProgress {
    if expected != nil, state != .head, body.count < replyBytesMax { body += bytes }
    switch state {
    case .head:
      recent += bytes
      return readHead()
    case .body(let missingBytes, let serverCloses):
      let stillMissing = missingBytes - bytes.count
      state = .body(missingBytes: stillMissing, serverCloses: serverCloses)
      return stillMissing <= 0 ? .complete(serverCloses: serverCloses) : .begun
    case .chunks(let serverCloses):
      // A page whose own text ends a packet in this way would be taken for complete too early: that can make us close
      // sooner, never make us miss a loss of the reply's beginning.
      recent = (recent + bytes).suffix(5)
      return recent.elementsEqual("0\r\n\r\n".utf8) ? .complete(serverCloses: serverCloses) : .begun
    case .untilEndOfFile:
      return .begun
    }
  }

  func takeEndOfFile() -> ReplyProgress {
    state == .untilEndOfFile ? checked(.complete(serverCloses: true)) : .cutShort
  }

  private mutating func readHead() -> ReplyProgress {
    guard Array("HTTP/1.".utf8).starts(with: recent.prefix(7)) else { return .wrong(excerpt(of: recent)) }
    guard recent.count >= 7 else { return .awaited }
    guard let end = endOfHead() else { return recent.count > replyBytesMax ? .wrong(excerpt(of: recent)) : .begun }
    let head = String(decoding: recent[..<end], as: UTF8.self).lowercased()
    guard head.dropFirst(8).hasPrefix(" 200") else { return .wrong(excerpt(of: recent)) }
    let rest = recent[end...]
    recent = []
    state = Self.bodyState(head: head)
    // Nothing may be left to read even of an empty body, and then no further bytes would ask.
    return read(rest)
  }

  private func endOfHead() -> Int? {
    let mark = Array("\r\n\r\n".utf8)
    guard recent.count >= mark.count else { return nil }
    return (mark.count...recent.count).first { recent[($0 - mark.count)..<$0].elementsEqual(mark) }
  }

  /// How the body's end is told: RFC 9112, section 6.3.
  private static func bodyState(head: String) -> State {
    let lines = head.split(separator: "\r\n")
    let words = lines.first?.split(separator: " ") ?? []
    var serverCloses = words.first == "http/1.0"
    var contentLength: Int?
    var isChunked = false
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
      switch line[..<colon] {
      case "connection": serverCloses = value.hasPrefix("close") || (serverCloses && !value.hasPrefix("keep-alive"))
      case "content-length": contentLength = Int(value)
      case "transfer-encoding": isChunked = value.hasSuffix("chunked")
      default: break
      }
    }
    if isChunked { return .chunks(serverCloses: serverCloses) }
    if let contentLength { return .body(missingBytes: contentLength, serverCloses: serverCloses) }
    return .untilEndOfFile
  }
}
