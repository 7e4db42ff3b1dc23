import Testing

extension SharedDataTests.MatrixTests {
  @Test(.installed(.mariadb), arguments: MatrixServer.mariadb.cases)
  func mariadb(_ row: MatrixCase) throws { try row.check() }
}

extension MatrixServer {
  /// Over a table of 200 MB: 200,000 rows of 1 KB.
  static let mariadb = MatrixServer(
    name: "mariadb", needs: [.program("mariadbd"), .program("mariadb-install-db"), .program("my_print_defaults")],
    versionCommand: [program, "--version"], sockets: [[.tcp4], [.unix]],
    handovers: [.adopt, .listenFDs, .auto], secondsPerStop: 5
  ) { place in
    let address =
      if let path = place.endpoint.path {
        ["--skip-networking", "--socket=\(path)"]
      } else {
        [
          "--bind-address=\(place.endpoint.host)", "--port=\(place.endpoint.port)",
          "--socket=\(place.directory.path("mariadb.sock"))",
        ]
      }
    let data = try data.get().directory
    let command =
      [program, "--no-defaults"] + options(data) + address + ["--pid-file=\(place.directory.path("mariadb.pid"))"]
    return Setup(command: command) { _ in
      .mysql("SELECT LEFT(text, 8) FROM torpor.big WHERE id = 123456", value: "123456,1")
    }
  }

  private static let program = Machine.find("mariadbd") ?? "mariadbd"

  private static let data = Result {
    try Fixture { directory in
      try Tool.run([
        "mariadb-install-db", "--no-defaults", "--user=root", "--auth-root-authentication-method=normal",
        "--skip-test-db", "--datadir=\(directory.path)/data",
      ])
      let statements = try directory.write(
        """
        CREATE DATABASE torpor;
        USE torpor;
        CREATE TABLE big (id INT PRIMARY KEY, text VARCHAR(1024)) ENGINE=InnoDB;
        INSERT INTO big SELECT seq, REPEAT(CONCAT(seq, ','), 1000 DIV (LENGTH(seq) + 1)) FROM seq_1_to_200000;

        """, to: "big.sql")
      let command = ([program, "--no-defaults", "--bootstrap"] + options(directory)).joined(separator: " ")
      try Tool.run(["sh", "-c", "\(command) < \(statements)"])
    }
  }

  private static func options(_ directory: TemporaryDirectory) -> [String] {
    ["--datadir=\(directory.path)/data", "--user=root", "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M"]
  }
}
