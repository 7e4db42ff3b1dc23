import Foundation
import Testing

extension ServerTests {
  /// What people ask for first: MariaDB, Apache, PHP, memcached, a server of MongoDB's protocol and twenty more on one machine,
  /// all there and none running until it is used.
  @Suite struct FoundingSceneTests {
    private static let others: [(server: MatrixServer, count: Int)] = [
      (.redis, 4), (.memcached, 4), (.nginx, 3), (.python, 3), (.node, 2), (.postgres, 1), (.dnsmasq, 1),
      (.apachePrefork, 2),
    ]

    @Test(
      .installed(.phpBehindApache), .installed(.mariadb), .installed(.memcached), .installed(.mongo),
      .enabled(if: MatrixServer.hasMySQLForPHP, "php8.2-mysql isn't there"))
    func aPageWakesApacheAndPHPAndMariaDBInAChainAndAllGoAgain() throws {
      let directory = try TemporaryDirectory()
      directory.makeWorldWritable()
      var scene = try Scene(in: directory)
      for (server, count) in Self.others where server.missing == nil {
        for number in 1...count { try scene.add(server, number) }
      }
      try #require(scene.units.count >= 25)
      try ManagerProcess.run(scene.units) { manager in
        try #require(manager.services.isEmpty, "nothing runs after boot")
        let before = try Footprint(manager)

        // The page, by way of three services of which none runs.
        let page = Exchange.http(path: "/page.php", body: "there are 200000 rows\n")
        let start = ContinuousClock.now
        try Client.ask(scene.web, page, within: .seconds(30))
        let firstAnswer = ContinuousClock.now - start
        let awake = try manager.statuses().filter { $0.state != "dormant" }.map(\.name)
        #expect(Set(awake) == ["web", "php", "db"])
        let during = try Footprint(manager)

        // The two others that were named, and everything else, all at once.
        for visit in scene.visits { try visit() }
        let allAwake = try Footprint(manager)
        #expect(try manager.statuses().allSatisfy { $0.wakesToday > 0 })

        try manager.waitFor("dormant", of: Array(scene.names), within: .seconds(60))
        try #require(manager.services.isEmpty, "all are gone again")
        let after = try Footprint(manager)

        // And once more, from the state in which it left everything.
        try Client.ask(scene.web, page, within: .seconds(30))
        try manager.waitFor("dormant", of: Array(scene.names), within: .seconds(60))
        print(
          "founding scene: \(scene.units.count) units; first page after \(firstAnswer); "
            + "before \(before), web+php+db \(during), all awake \(allAwake), after \(after)")
      }
    }

    /// What the manager and its services take.
    private struct Footprint: CustomStringConvertible {
      let manager: Int
      let services: Int
      let processes: Int

      init(_ manager: ManagerProcess) throws {
        self.manager = Self.bytes(manager.process.pid)
        let services = manager.services
        processes = services.count
        self.services = services.reduce(0) { $0 + Self.bytes($1) }
      }

      /// Its share of what it has in memory.
      private static func bytes(_ pid: pid_t) -> Int {
        let lines = (ProcessTable.contents(of: "/proc/\(pid)/smaps_rollup") ?? "").split(separator: "\n")
        let pss = lines.first { $0.hasPrefix("Pss:") }?.split(separator: " ").dropFirst().first
        return (pss.flatMap { Int($0) } ?? 0) * 1024
      }

      var description: String {
        "torpord \(manager >> 10) kB + \(processes) processes \(services >> 20) MB"
      }
    }
  }
}

/// The units of the scene, and who comes to them.
private struct Scene {
  private(set) var units: [String: String] = [:]
  private(set) var names: Set<String> = []
  private(set) var visits: [() throws -> Void] = []
  let web: Endpoint
  private let directory: TemporaryDirectory
  /// They are removed when nobody has them any more.
  private var folders: [TemporaryDirectory] = []
  private static let idle = "3s"

  init(in directory: TemporaryDirectory) throws {
    self.directory = directory
    web = .v4(try freePort())
    let database = Endpoint.unix(directory.path("db.sock"))
    let php = Endpoint.unix(directory.path("php.sock"))
    try add("db", .mariadb, [database], asks: false)
    let (phpUnit, webUnit) = try MatrixServer.page(
      web: web, php: php, database: database, in: directory, idle: Self.idle)
    units["php.torpor"] = phpUnit
    units["web.torpor"] = webUnit
    names.formUnion(["php", "web"])
    try add("cache", .memcached, [.v4(try freePort())])
    try add("documents", .mongo, [.v4(try freePort())])
  }

  /// One more of a server.
  mutating func add(_ server: MatrixServer, _ number: Int) throws {
    let kinds = server.sockets[number % server.sockets.count]
    let folder = try TemporaryDirectory()
    folder.makeWorldWritable()
    let port = try freePort()
    let name = "\(server.name.prefix { $0.isLetter || $0.isNumber })-\(number)"
    try add(name, server, kinds.map { $0.endpoint(port: port, path: folder.path(server.pathName)) }, in: folder)
  }

  private mutating func add(
    _ name: String, _ server: MatrixServer, _ endpoints: [Endpoint], in folder: TemporaryDirectory? = nil,
    asks: Bool = true
  ) throws {
    let folder = try folder ?? TemporaryDirectory()
    folder.makeWorldWritable()
    let setup = try server.setUp(MatrixServer.Place(directory: folder, held: endpoints, handover: .auto))
    units["\(name).torpor"] = setup.unit(holding: endpoints, idle: Self.idle)
    names.insert(name)
    folders.append(folder)
    guard asks else { return }
    visits.append {
      if let visitor = setup.visitor {
        try Tool.run(visitor(endpoints[0]), within: .seconds(30))
      } else {
        let (tally, errors) = try Hammer.visit(endpoints[0], setup.question("scene"))
        try #require(tally.ok == 1, "\(name): \(errors)")
      }
    }
  }
}

extension MatrixServer {
  static var hasMySQLForPHP: Bool { !mysqlModules.isEmpty }

  private static var mysqlModules: [String] {
    let folders = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/php")) ?? []
    return folders.map { "/usr/lib/php/\($0)" }.filter { access("\($0)/mysqli.so", R_OK) == 0 }
  }

  /// The units of a web server and of the PHP behind it, whose page asks a database.
  static func page(
    web: Endpoint, php: Endpoint, database: Endpoint, in directory: TemporaryDirectory, idle: String
  ) throws -> (php: String, web: String) {
    try directory.write(
      """
      <?php
      $database = new mysqli("localhost", "root", "", "torpor", 0, "\(database.path ?? "")");
      $row = $database->query("SELECT COUNT(*) FROM big")->fetch_row();
      echo "there are $row[0] rows\\n";
      """, to: "page.php")
    let user =
      Machine.isRoot ? "user = www-data\ngroup = www-data\nlisten.owner = www-data\nlisten.group = www-data" : ""
    let pool = try directory.write(
      """
      [global]
      pid = \(directory.path("fpm.pid"))
      error_log = \(directory.path("fpm.log"))
      daemonize = no
      [www]
      listen = \(php)
      \(user)
      pm = ondemand
      pm.max_children = 4

      """, to: "fpm.conf")
    let modules = try #require(mysqlModules.first)
    let fpm = Setup(
      command: [
        Machine.find("php-fpm8.2") ?? "php-fpm8.2", "--nodaemonize", "--no-php-ini", "-d",
        "extension=\(modules)/mysqlnd.so", "-d", "extension=\(modules)/mysqli.so", "--fpm-config", pool,
      ]) { _ in .http("/", body: "") }
    let configuration = """
      LoadModule authz_core_module \(Apache.modules)/mod_authz_core.so
      LoadModule proxy_module \(Apache.modules)/mod_proxy.so
      LoadModule proxy_fcgi_module \(Apache.modules)/mod_proxy_fcgi.so
      StartServers 1
      ProxyPassMatch "^/page.php$" "unix:\(php.path ?? "")|fcgi://localhost\(directory.path("page.php"))"
      """
    let apache = Setup(
      command: try Apache.command(web, module: "event", configuration, in: directory)
    ) { _ in .http("/", body: "") }
    return (fpm.unit(holding: [php], idle: idle), apache.unit(holding: [web], idle: idle))
  }
}
