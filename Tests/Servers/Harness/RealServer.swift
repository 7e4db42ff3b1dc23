import Foundation

/// An unmodified server of the distribution.
struct RealServer: Sendable {
  let name: String
  /// nil: not installed.
  let program: String?
  /// The command, after writing into a directory what it needs.
  let prepare: @Sendable (_ program: String, UInt16, TemporaryDirectory) throws -> [String]
  /// A question that holds this word, and its answer.
  let exchange: @Sendable (_ word: String) -> Exchange

  var isInstalled: Bool { program != nil }

  func command(port: UInt16, in directory: TemporaryDirectory) throws -> [String] {
    guard let program else { throw SystemFailure("find \(name)", ENOENT) }
    return try prepare(program, port, directory)
  }

  static let redis = RealServer(name: "redis-server", program: Machine.find("redis-server")) {
    program, port, directory in
    [program, "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--dir", directory.path]
  } exchange: { word in
    Exchange(request: "PING \(word)\r\n", reply: .exactly("$\(word.utf8.count)\r\n\(word)\r\n"))
  }

  static let memcached = RealServer(name: "memcached", program: Machine.find("memcached")) { program, port, _ in
    [program, "-l", "127.0.0.1", "-p", "\(port)", "-U", "0"] + (Machine.isRoot ? ["-u", "nobody"] : [])
  } exchange: { _ in
    Exchange(request: "version\r\n", reply: .line(prefix: "VERSION "))
  }

  /// The distribution's own interpreter first: another one in PATH may be a script that starts the real one.
  private static let pythonProgram =
    access("/usr/bin/python3", X_OK) == 0 ? "/usr/bin/python3" : Machine.find("python3")

  static let python = RealServer(name: "python3", program: pythonProgram) { program, port, directory in
    try directory.write("hello from a file\n", to: "hello.txt")
    return [program, "-m", "http.server", "--bind", "127.0.0.1", "--directory", directory.path, "\(port)"]
  } exchange: { word in
    .http(path: "/hello.txt?\(word)", body: "hello from a file\n")
  }

  static let node = RealServer(name: "node", program: Machine.find("node")) { program, port, directory in
    let script = """
      require('http').createServer((request, response) => response.end('you asked for ' + request.url + '\\n'))
        .listen(\(port), '127.0.0.1')
      """
    return [program, try directory.write(script, to: "server.js")]
  } exchange: { word in
    .http(path: "/\(word)", body: "you asked for /\(word)\n")
  }
}
