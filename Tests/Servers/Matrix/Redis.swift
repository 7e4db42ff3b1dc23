import Testing

extension SharedDataTests.MatrixTests {
  @Test(.installed(.redis), arguments: MatrixServer.redis.cases)
  func redis(_ row: MatrixCase) throws { try row.check() }
}

extension MatrixServer {
  /// With a file of 80 MB, which it reads at each start.
  static let redis = MatrixServer(
    name: "redis", needs: [.program("redis-server"), .program("redis-cli")],
    versionCommand: ["redis-server", "--version"], sockets: [[.tcp4], [.unix]], secondsPerStop: 5
  ) { place in
    let directory = try data.get().directory
    let address =
      place.endpoint.path.map { ["--port", "0", "--unixsocket", $0] }
      ?? ["--port", "\(place.endpoint.port)", "--bind", place.endpoint.host]
    let command =
      ["redis-server"] + address + ["--save", "", "--dir", directory.path, "--supervised", "systemd"]
    return Setup(command: command, options: ["--ready", "notify"]) { _ in
      .text("GET word\r\n", reply: "$5\r\nhello\r\n")
    }
  }

  private static let data = Result {
    try Fixture { directory in
      let path = directory.path("redis.sock")
      let server = try ChildProcess([
        "redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--dir", directory.path,
        "--rdbcompression", "no", "--enable-debug-command", "yes",
      ])
      defer { server.killAndWait() }
      guard server.output.contains("eady to accept", within: .seconds(10)) else {
        throw Tool.Failed(description: "redis-server doesn't start: \(server.output.text)")
      }
      for words in [["DEBUG", "POPULATE", "80000", "key", "1000"], ["SET", "word", "hello"], ["SAVE"]] {
        try Tool.run(["redis-cli", "-e", "-s", path] + words)
      }
    }
  }
}
