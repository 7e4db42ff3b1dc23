import Testing

extension SharedDataTests.MatrixTests {
  @Test(.installed(.phpBehindNginx), arguments: MatrixServer.phpBehindNginx.cases)
  func phpBehindNginx(_ row: MatrixCase) throws { try row.check() }

  @Test(.installed(.phpBehindApache), arguments: MatrixServer.phpBehindApache.cases)
  func phpBehindApache(_ row: MatrixCase) throws { try row.check() }
}

extension MatrixServer {
  static let phpBehindNginx = php(behind: "nginx") { fpm, endpoint, directory in
    let location = """
      location / {
            fastcgi_pass \(fpm.path.map { "unix:\($0)" } ?? "\(fpm)");
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param SCRIPT_FILENAME \(directory.path("hello.php"));
          }
      """
    return try Nginx.command([endpoint], location: location, in: directory)
  }

  static let phpBehindApache = php(behind: "apache2") { fpm, endpoint, directory in
    let address = fpm.path.map { "unix:\($0)|fcgi://localhost" } ?? "fcgi://\(fpm)"
    let configuration = """
      LoadModule authz_core_module \(Apache.modules)/mod_authz_core.so
      LoadModule proxy_module \(Apache.modules)/mod_proxy.so
      LoadModule proxy_fcgi_module \(Apache.modules)/mod_proxy_fcgi.so
      StartServers 1
      ProxyPassMatch "^/hello.php$" "\(address)\(directory.path("hello.php"))"
      """
    return try Apache.command(endpoint, module: "event", configuration, in: directory)
  }

  private static let program = Machine.find("php-fpm8.2") ?? "php-fpm8.2"

  /// It gives its unix socket to its user after it has bound it as root: at the first start there is a moment between the two
  /// at which the server in front may not connect; later starts keep what it made of it.
  ///
  /// The server in front runs all the time; only php-fpm sleeps. A client of a php-fpm that isn't there would get a 502 or 503.
  private static func php(
    behind front: String,
    _ frontCommand: @escaping @Sendable (_ fpm: Endpoint, Endpoint, TemporaryDirectory) throws -> [String]
  ) -> MatrixServer {
    MatrixServer(
      name: "php8.2-fpm behind \(front)", needs: [.program("php-fpm8.2"), .program(front)],
      versionCommand: [program, "--version"], sockets: [[.tcp4], [.unix]], livesOnceBefore: true
    ) { place in
      let directory = place.directory
      try directory.write("you asked for <?= htmlspecialchars($_GET['word']) . \"\\n\";", to: "hello.php")
      let user =
        Machine.isRoot
        ? "user = www-data\ngroup = www-data\nlisten.owner = www-data\nlisten.group = www-data" : ""
      let configuration = try directory.write(
        """
        [global]
        pid = \(directory.path("fpm.pid"))
        error_log = \(directory.path("fpm.log"))
        daemonize = no
        [www]
        listen = \(place.endpoint)
        \(user)
        pm = dynamic
        pm.max_children = 8
        pm.start_servers = 2
        pm.min_spare_servers = 1
        pm.max_spare_servers = 4

        """, to: "fpm.conf")
      let endpoint = Endpoint.v4(try freePort())
      return Setup(
        command: [program, "--nodaemonize", "--no-php-ini", "--fpm-config", configuration],
        front: Front(command: try frontCommand(place.endpoint, endpoint, directory), endpoint: endpoint)
      ) { word in .http("/hello.php?word=\(word)", body: "you asked for \(word)\n") }
    }
  }
}
