/// What every client says to the server, and the only right answer to it.
struct Request: Sendable {
  let kind: RequestKind
  /// A path, a statement, a name, …, as the protocol has it.
  let query: String
  /// What the reply has to hold; nil: anything of the right form.
  let expected: String?
  let isDatagram: Bool

  /// The first bytes of a connection. HTTP/1.0 unless a second request is to follow on the same connection.
  func opening(isHeld: Bool, host: String) -> [UInt8] {
    switch kind {
    case .http: Array((isHeld ? "\(get) HTTP/1.1\r\nHost: \(host)\r\n\r\n" : "\(get) HTTP/1.0\r\n\r\n").utf8)
    // The server speaks first.
    case .mysql: []
    case .postgres: PostgresReplyReader.startup
    case .redis, .line, .text, .mongo, .dns: following(host: host)
    }
  }

  /// A request on a connection that has had a reply, the last one.
  func following(host: String) -> [UInt8] {
    switch kind {
    case .redis: Array("PING\r\n".utf8)
    case .line: Array("hello\n".utf8)
    case .text: Array(query.utf8)
    case .http: Array("\(get) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n".utf8)
    case .mysql: MySQLReplyReader.query(query)
    case .postgres: PostgresReplyReader.query(query)
    case .mongo: MongoReplyReader.find(in: query)
    case .dns: DNSReplyReader.question(name: query, isDatagram: isDatagram)
    }
  }

  func makeReplyReader(isFirst: Bool) -> any ReplyReader {
    let expected = expected ?? ""
    return switch kind {
    case .redis: LineReplyReader(prefix: "+PONG")
    case .line: LineReplyReader(prefix: "")
    case .text: TextReplyReader(expected: expected)
    case .http: HTTPReplyReader(body: self.expected)
    case .mysql: MySQLReplyReader(query: query, expected: expected, hasLoggedIn: !isFirst)
    case .postgres: PostgresReplyReader(query: query, expected: expected, hasLoggedIn: !isFirst)
    case .mongo: MongoReplyReader(expected: expected)
    case .dns: DNSReplyReader(address: expected, isDatagram: isDatagram)
    }
  }

  private var get: String { "GET \(query.isEmpty ? "/" : query)" }
}
