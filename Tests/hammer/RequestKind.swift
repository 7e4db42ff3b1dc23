import ArgumentParser

/// What is said to the server and what is expected of it.
enum RequestKind: String, CaseIterable, ExpressibleByArgument, Sendable {
  case redis, http, line

  /// The first request of a connection. HTTP/1.0 unless a second one is to follow on the same connection.
  func firstRequest(isHeld: Bool, host: String) -> [UInt8] {
    switch self {
    case .redis: Array("PING\r\n".utf8)
    case .line: Array("hello\n".utf8)
    case .http: Array((isHeld ? "GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n" : "GET / HTTP/1.0\r\n\r\n").utf8)
    }
  }

  /// The request after the hold.
  func secondRequest(host: String) -> [UInt8] {
    switch self {
    case .redis, .line: firstRequest(isHeld: true, host: host)
    case .http: Array("GET / HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n".utf8)
    }
  }

  func makeReplyReader() -> any ReplyReader {
    switch self {
    case .redis: LineReplyReader(prefix: "+PONG")
    case .line: LineReplyReader(prefix: "")
    case .http: HTTPReplyReader()
    }
  }
}
