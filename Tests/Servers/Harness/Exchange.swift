/// One question to a server, and how its right answer is known.
struct Exchange: Sendable {
  enum Reply: Sendable {
    case exactly(String)
    case line(prefix: String)
    /// On a connection that stays open.
    case text(suffix: String)
    /// Everything until the server closes.
    case document(containing: [String])
  }
  let request: String
  let reply: Reply

  /// What oddserver and redis understand both.
  static let ping = Exchange(request: "PING\r\n", reply: .exactly("+PONG\r\n"))

  static func http(path: String, body: String) -> Exchange {
    Exchange(
      request: "GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
      reply: .document(containing: [" 200 OK\r\n", body]))
  }

  /// The same, with a connection that takes another question after it.
  static func keptHTTP(path: String, body: String) -> Exchange {
    Exchange(request: "GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n", reply: .text(suffix: body))
  }

  /// Whether the whole answer is there.
  func isComplete(_ text: String) -> Bool {
    switch reply {
    case .exactly(let expected): text.utf8.count >= expected.utf8.count
    case .line: text.hasSuffix("\r\n")
    case .text(let suffix): text.hasSuffix(suffix)
    case .document: false
    }
  }

  func isRight(_ text: String) -> Bool {
    switch reply {
    case .exactly(let expected): text == expected
    case .line(let prefix): text.hasPrefix(prefix)
    case .text(let suffix): text.hasSuffix(suffix)
    case .document(let parts): parts.allSatisfy { text.contains($0) }
    }
  }
}

struct WrongAnswer: Error {
  let received: String
}

extension Client {
  /// Asks and checks the answer.
  func ask(_ exchange: Exchange, within limit: Duration = .seconds(10)) throws {
    try send(exchange.request)
    let text =
      if case .document = exchange.reply {
        try receiveToEnd(within: limit)
      } else {
        try receive(within: limit, until: exchange.isComplete)
      }
    guard exchange.isRight(text) else { throw WrongAnswer(received: text) }
  }

  /// Connects, asks, closes; how long that took.
  @discardableResult
  static func ask(_ endpoint: Endpoint, _ exchange: Exchange, within limit: Duration = .seconds(10)) throws -> Duration
  {
    let begin = ContinuousClock.now
    let client = try Client(connectingTo: endpoint, within: limit)
    try client.ask(exchange, within: limit)
    client.close()
    return begin.duration(to: .now)
  }
}
