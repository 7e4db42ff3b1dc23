import Foundation

/// An unmodified server of the distribution that listens at a unix path.
struct PathServer: Sendable {
  let name: String
  /// nil: not installed.
  let program: String?
  /// The command, after writing into a directory what it needs.
  let prepare: @Sendable (_ program: String, _ path: String, TemporaryDirectory) throws -> [String]
  let exchange: Exchange

  var isInstalled: Bool { program != nil }

  func command(path: String, in directory: TemporaryDirectory) throws -> [String] {
    guard let program else { throw SystemFailure("find \(name)", ENOENT) }
    return try prepare(program, path, directory)
  }

  static let redis = PathServer(name: "redis-server", program: Machine.find("redis-server")) {
    program, path, directory in
    [program, "--port", "0", "--unixsocket", path, "--save", "", "--dir", directory.path]
  } exchange: {
    .ping
  }

  static let nginx = PathServer(name: "nginx", program: Machine.find("nginx")) { program, path, directory in
    let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    let paths = folders.map { "  \($0)_temp_path \(directory.path($0));" }.joined(separator: "\n")
    let configuration = """
      daemon off;
      worker_processes 1;
      pid \(directory.path("nginx.pid"));
      error_log stderr warn;
      events { worker_connections 256; }
      http {
        access_log off;
      \(paths)
        server {
          listen unix:\(path);
          location / { return 200 "you asked for $uri\\n"; }
        }
      }
      """
    let file = try directory.write(configuration, to: "nginx.conf")
    return [program, "-c", file, "-p", directory.path, "-e", "stderr"]
  } exchange: {
    .keptHTTP(path: "/again", body: "you asked for /again\n")
  }

  static let memcached = PathServer(
    name: "memcached", program: Machine.find("memcached")
  ) { program, path, _ in
    [program, "-s", path] + (Machine.isRoot ? ["-u", "nobody"] : [])
  } exchange: {
    Exchange(request: "version\r\n", reply: .line(prefix: "VERSION "))
  }

  static let node = PathServer(name: "node", program: Machine.find("node")) { program, path, directory in
    let script = "require('net').createServer(c => c.on('data', () => c.end('hello\\r\\n'))).listen('\(path)')"
    return [program, try directory.write(script, to: "server.js")]
  } exchange: {
    hello
  }

  /// asyncio tries to remove the socket before it binds it, and removes it when it closes.
  static let python = PathServer(name: "python3", program: Machine.find("python3")) { program, path, directory in
    let script = """
      import asyncio, signal
      async def serve(reader, writer):
          await reader.readline(); writer.write(b'hello\\r\\n'); await writer.drain(); writer.close()
      async def main():
          server = await asyncio.start_unix_server(serve, '\(path)')
          asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.close)
          try: await server.serve_forever()
          except asyncio.CancelledError: pass
      asyncio.run(main())
      """
    return [program, try directory.write(script, to: "server.py")]
  } exchange: {
    hello
  }

  /// Tries whether another one listens before it removes the socket.
  static let phpFPM = PathServer(
    name: "php-fpm", program: ["php-fpm8.2", "php-fpm8.4", "php-fpm8.3", "php-fpm"].lazy.compactMap(Machine.find).first
  ) { program, path, directory in
    let user = Machine.isRoot ? "user=nobody\ngroup=nogroup\nlisten.owner=nobody\n" : ""
    let configuration = """
      [global]
      error_log=/proc/self/fd/2
      daemonize=no
      [www]
      \(user)listen=\(path)
      listen.mode=0660
      pm=static
      pm.max_children=2
      """
    return [program, "-F", "-y", try directory.write(configuration, to: "fpm.conf")]
  } exchange: {
    // FCGI_GET_VALUES, which asks for nothing, and its result.
    Exchange(request: "\u{1}\u{9}\0\0\0\0\0\0", reply: .exactly("\u{1}\u{a}\0\0\0\0\0\0"))
  }

  /// Binds another name beside the path and renames it over it.
  static let haproxy = PathServer(name: "haproxy", program: Machine.find("haproxy")) { program, path, directory in
    let configuration = """
      defaults
        mode http
        timeout client 5s
        timeout connect 5s
        timeout server 5s
      frontend f
        bind unix@\(path) mode 666
        http-request return status 200 content-type text/plain string "hello"
      """
    return [program, "-db", "-f", try directory.write(configuration + "\n", to: "haproxy.cfg")]
  } exchange: {
    .keptHTTP(path: "/", body: "hello")
  }

  static let lighttpd = PathServer(name: "lighttpd", program: Machine.find("lighttpd")) { program, path, directory in
    try directory.write("hello from a file\n", to: "hello.txt")
    let configuration = "server.document-root = \"\(directory.path)\"\nserver.bind = \"\(path)\"\n"
    return [program, "-D", "-f", try directory.write(configuration, to: "lighttpd.conf")]
  } exchange: {
    .http(path: "/hello.txt", body: "hello from a file\n")
  }

  static let mariadb = PathServer(
    name: "mariadbd", program: Machine.find("mariadb-install-db") == nil ? nil : Machine.find("mariadbd")
  ) { program, path, directory in
    let data = directory.path("data")
    let user = Machine.isRoot ? ["--user=nobody"] : []
    if Machine.isRoot { chmod(directory.path, 0o777) }
    let install = try ChildProcess(
      [Machine.find("mariadb-install-db") ?? "", "--no-defaults", "--datadir=\(data)", "--skip-test-db"] + user)
    defer { install.killAndWait() }
    guard install.waitForExit(within: .seconds(60)) == .exited(0) else {
      throw SystemFailure("initialize mariadb: \(install.errors.text)", EIO)
    }
    return [
      program, "--no-defaults", "--datadir=\(data)", "--skip-networking", "--socket=\(path)",
      "--pid-file=\(directory.path("mariadb.pid"))", "--innodb-fast-shutdown=2",
    ] + user
  } exchange: {
    // It greets first.
    Exchange(request: "", reply: .text(suffix: "mysql_native_password\0"))
  }

  private static let hello = Exchange(request: "hello\n", reply: .exactly("hello\r\n"))

  private init(
    name: String, program: String?,
    prepare: @escaping @Sendable (String, String, TemporaryDirectory) throws -> [String],
    exchange: () -> Exchange
  ) {
    self.name = name
    self.program = program
    self.prepare = prepare
    self.exchange = exchange()
  }
}
