import Testing

extension SharedDataTests.MatrixTests {
  @Test(.installed(.apacheEvent), arguments: MatrixServer.apacheEvent.cases)
  func apacheEvent(_ row: MatrixCase) throws { try row.check() }

  @Test(.installed(.apachePrefork), arguments: MatrixServer.apachePrefork.cases)
  func apachePrefork(_ row: MatrixCase) throws { try row.check() }
}

extension MatrixServer {
  static let apacheEvent = apache(module: "event", "StartServers 1\nThreadsPerChild 25\nMaxRequestWorkers 25")
  static let apachePrefork = apache(module: "prefork", "StartServers 3\nMaxRequestWorkers 20")

  /// Debian builds it without mod_systemd, so it can't be passed a socket.
  private static func apache(module: String, _ workers: String) -> MatrixServer {
    MatrixServer(
      name: "apache2, \(module)", needs: [.program("apache2")], versionCommand: [Apache.program, "-v"]
    ) { place in
      try place.directory.write("hello from a file\n", to: "hello.txt")
      let configuration = """
        LoadModule authz_core_module \(Apache.modules)/mod_authz_core.so
        \(workers)
        DocumentRoot \(place.directory.path)
        """
      return Setup(
        command: try Apache.command(place.endpoint, module: module, configuration, in: place.directory)
      ) { word in .http("/hello.txt?\(word)", body: "hello from a file\n") }
    }
  }
}

/// Apache with a configuration of our own and none of Debian's.
enum Apache {
  static let program = Machine.find("apache2") ?? "apache2"
  static let modules = "/usr/lib/apache2/modules"

  static func command(
    _ endpoint: Endpoint, module: String, _ configuration: String, in directory: TemporaryDirectory
  ) throws -> [String] {
    let user = Machine.isRoot ? "User www-data\nGroup www-data" : ""
    let file = try directory.write(
      """
      LoadModule mpm_\(module)_module \(modules)/mod_mpm_\(module).so
      \(user)
      ServerName localhost
      ServerRoot \(directory.path)
      DefaultRuntimeDir \(directory.path)
      PidFile \(directory.path("apache.pid"))
      ErrorLog \(directory.path("error.log"))
      Listen \(endpoint)
      \(configuration)

      """, to: "apache.conf")
    return [program, "-DFOREGROUND", "-f", file]
  }
}
