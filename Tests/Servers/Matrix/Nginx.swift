import Testing

extension SharedDataTests.MatrixTests {
  @Test(.installed(.nginx), arguments: MatrixServer.nginx.cases)
  func nginx(_ row: MatrixCase) throws { try row.check() }
}

extension MatrixServer {
  /// Two workers, a listening socket each for each address, as far as nginx knows.
  static let nginx = MatrixServer(
    name: "nginx, 2 workers, reuseport", needs: [.program("nginx"), .ipv6], versionCommand: [Nginx.program, "-v"],
    sockets: [[.tcp4, .tcp6, .unix]]
  ) { place in
    let location = #"location / { return 200 "you asked for $uri\n"; }"#
    return Setup(
      command: try Nginx.command(
        place.held, workers: 2, listenOptions: "reuseport", location: location, in: place.directory)
    ) { word in .http("/\(word)", body: "you asked for /\(word)\n") }
  }
}

/// nginx with a configuration of our own, in the foreground.
enum Nginx {
  static let program = Machine.find("nginx") ?? "nginx"

  static func command(
    _ endpoints: [Endpoint], workers: Int = 1, listenOptions: String = "", location: String,
    in directory: TemporaryDirectory
  ) throws -> [String] {
    let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    let configuration = """
      daemon off;
      \(Machine.isRoot ? "user www-data;" : "")
      worker_processes \(workers);
      pid \(directory.path("nginx.pid"));
      error_log stderr warn;
      events { worker_connections 256; }
      http {
        access_log off;
        \(folders.map { "\($0)_temp_path \(directory.path($0));" }.joined(separator: "\n  "))
        server {
          \(endpoints.map { listen($0, listenOptions) }.joined(separator: "\n    "))
          \(location)
        }
      }

      """
    let file = try directory.write(configuration, to: "nginx.conf")
    return [program, "-c", file, "-p", directory.path, "-e", "stderr"]
  }

  /// reuseport is for addresses with ports.
  private static func listen(_ endpoint: Endpoint, _ options: String) -> String {
    endpoint.path.map { "listen unix:\($0);" } ?? "listen \(endpoint) \(options);"
  }
}
