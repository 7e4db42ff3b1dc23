import Foundation

/// What a real server is kept up by, one sense each.
enum Evidence: String, CaseIterable, Sendable {
  /// A connection is open and silent.
  case connection
  /// Of a connection that stays open, the data that goes by it, and not what keeps it alive.
  case data
  /// A client of a listener that the server has opened besides the held one.
  case ownListener = "own listener"
  /// It works for clients that don't count.
  case processing
  /// It says so, asked.
  case busyCheck = "busy check"
  /// It says so, unasked.
  case word = "X-BUSY"
  /// Somebody else says so.
  case hold

  static let timeout = 3.0

  /// `[X-Idle]`: this sense alone, as far as there is a choice.
  func settings(_ folder: TemporaryDirectory) -> String {
    switch self {
    case .connection, .word, .hold: "Senses=connections"
    case .data: "Senses=connections\nConnections=active"
    // MariaDB and gunicorn open no other one where they are passed the held one.
    case .ownListener: "Senses=connections channels\nHandover=adopt"
    // With 2 % a thread that happens to run at a look is none: other tests share the machine.
    case .processing: "Senses=connections processing\nProcessingThreshold=2%\nIgnoreSource=127.0.0.0/8 ::1/128"
    case .busyCheck: "Senses=connections\nBusyCheck=/bin/sh -c \"! test -e \(folder.path("busy"))\""
    }
  }

  /// How much later than its end a rest may at the soonest come; nil: what happened before counts, too.
  var shortest: Double? {
    switch self {
    case .connection, .data, .ownListener: Self.timeout - 0.1
    // What it has used is summed up for a second; it is asked once a second.
    case .processing, .busyCheck: Self.timeout - 1.2
    case .word, .hold: nil
    }
  }
}

/// What somebody writes to a server: enough to be taken for a client that has not finished its request, and how it goes on.
struct SlowRequest {
  let beginning: String
  let more: String

  private static let http = SlowRequest(beginning: "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", more: "x")
  /// A message of 1 KiB, by a number of four bytes before it.
  private static let message = SlowRequest(beginning: "\0\u{4}\0\0", more: "x")

  static func to(_ server: MatrixServer) -> SlowRequest {
    switch server.name.prefix(while: { $0 != " " && $0 != "," && $0 != "-" }) {
    case "redis": SlowRequest(beginning: "PING\r\n", more: "PING\r\n")
    case "memcached": SlowRequest(beginning: "version\r\n", more: "version\r\n")
    case "rust": SlowRequest(beginning: "word\n", more: "word\n")
    case "mariadb": SlowRequest(beginning: "\0\u{4}\0\u{1}", more: "x")
    case "postgresql": SlowRequest(beginning: "\0\0\u{4}\0", more: "\0")
    case "nx": message
    // Two bytes of length.
    case "dnsmasq": SlowRequest(beginning: "\u{1}\0", more: "x")
    // FCGI_BEGIN_REQUEST with eight bytes to come, and 127 to fill it up.
    case "php8.2": SlowRequest(beginning: "\u{1}\u{1}\0\u{1}\0\u{8}\u{7f}\0", more: "\0")
    default: http
    }
  }
}

extension MatrixServer {
  /// Where it also listens, which is added to its setup where it has to be; nil: it can't be told to.
  func ownListener(_ setup: inout Setup, in folder: TemporaryDirectory, heldPort: UInt16) throws -> Endpoint? {
    let other = Endpoint.v4(try freePort())
    func add(_ words: [String]) {
      var more = setup
      more = Setup(
        command: setup.command + words, options: setup.options, wrapper: setup.wrapper, front: setup.front,
        question: setup.question, visitor: setup.visitor)
      setup = more
    }
    func append(_ text: String, to file: String) throws {
      try folder.write((try String(contentsOfFile: folder.path(file), encoding: .utf8)) + text, to: file)
    }
    switch name {
    case MatrixServer.mariadb.name: return .unix(folder.path("mariadb.sock"))
    case MatrixServer.postgres.name:
      add(["-c", "unix_socket_directories=\(folder.path)"])
      return .unix(folder.path(".s.PGSQL.\(heldPort)"))
    case MatrixServer.redis.name:
      add(["--unixsocket", folder.path("own.sock")])
      return .unix(folder.path("own.sock"))
    case MatrixServer.memcached.name: add(["-l", "\(other)"])
    case MatrixServer.gunicorn.name: add(["--bind", "\(other)"])
    case MatrixServer.apacheEvent.name, MatrixServer.apachePrefork.name:
      try append("Listen \(other)\n", to: "apache.conf")
    case MatrixServer.phpBehindNginx.name:
      let user = Machine.isRoot ? "user = www-data\ngroup = www-data\n" : ""
      try append("[own]\nlisten = \(other)\n\(user)pm = static\npm.max_children = 1\n", to: "fpm.conf")
    case MatrixServer.nginx.name:
      let text = try String(contentsOfFile: folder.path("nginx.conf"), encoding: .utf8)
      try folder.write(
        text.replacingOccurrences(of: "http {", with: "http {\n  server { listen \(other); return 200 own; }"),
        to: "nginx.conf")
    case MatrixServer.node.name:
      let script = "require('net').createServer(client => client.resume()).listen(\(other.port), '127.0.0.1')"
      try append("\n\(script)\n", to: "server.js")
    default: return nil
    }
    return other
  }
}
