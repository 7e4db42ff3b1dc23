import Foundation
import Testing

extension SharedDataTests.MatrixTests {
  @Test(.installed(.postgres), arguments: MatrixServer.postgres.cases)
  func postgres(_ row: MatrixCase) throws { try row.check() }

  @Test(.installed(.postgresUnprivileged), arguments: MatrixServer.postgresUnprivileged.cases)
  func postgresUnprivileged(_ row: MatrixCase) throws { try row.check() }
}

extension MatrixServer {
  /// It refuses to run as root.
  static let postgres = postgres(named: "postgresql, --user", options: Machine.isRoot ? ["--user", "postgres"] : [])
  /// torpor has no more rights than it has.
  static let postgresUnprivileged = postgres(named: "postgresql, torpor not root", wrapper: user)

  private static func postgres(named name: String, options: [String] = [], wrapper: [String] = []) -> MatrixServer {
    MatrixServer(
      name: name, needs: [Needed(name: "postgres", path: folder), .program("setpriv")],
      versionCommand: [bin("postgres"), "--version"], sockets: [[.tcp4], [.unix]], pathName: ".s.PGSQL.5432",
      meanPause: .milliseconds(60), secondsPerStop: 5
    ) { place in
      let path = place.endpoint.path
      let command = [
        bin("postgres"), "-D", try data.get().directory.path("data"),
        "-p", path == nil ? "\(place.endpoint.port)" : "5432", "-c", "listen_addresses=\(place.endpoint.host)",
        "-c", "unix_socket_directories=\(path == nil ? "" : place.directory.path)",
      ]
      return Setup(command: command, options: ["--ready", "notify"] + options, wrapper: wrapper) { _ in
        .postgres("SELECT text FROM words WHERE id = 2", value: "second")
      }
    }
  }

  /// Debian keeps each version in a directory of its own.
  private static let folder: String? = {
    let versions = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []
    return versions.compactMap { Int($0) }.sorted().reversed().map { "/usr/lib/postgresql/\($0)/bin" }
      .first { access("\($0)/postgres", X_OK) == 0 }
  }()

  private static let user =
    Machine.isRoot ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"] : []

  private static func bin(_ program: String) -> String { "\(folder ?? "")/\(program)" }

  private static let data = Result {
    try Fixture { directory in
      directory.makeWorldWritable()
      let data = directory.path("data")
      try Tool.run(user + [bin("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "--locale=C"])
      let statements = try directory.write(
        "CREATE TABLE words AS SELECT 2 AS id, 'second'::text AS text;\n", to: "words.sql")
      try Tool.run(user + ["sh", "-c", "\(bin("postgres")) --single -D \(data) postgres < \(statements)"])
    }
  }
}
