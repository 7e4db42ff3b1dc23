import Testing

extension SharedDataTests.MatrixTests {
  @Test(.installed(.gunicorn), arguments: MatrixServer.gunicorn.cases)
  func gunicorn(_ row: MatrixCase) throws { try row.check() }
}

extension MatrixServer {
  /// A master and two synchronous workers. A worker that is told to end while it boots has its master's handler for SIGTERM
  /// still, and forgets it; the master then waits for it as long as --graceful-timeout says, 30 s by default. When it is stopped
  /// here there is no request left to wait for.
  static let gunicorn = MatrixServer(
    name: "gunicorn", needs: [.program("gunicorn")], versionCommand: ["gunicorn", "--version"],
    handovers: [.adopt, .listenFDs, .auto]
  ) { place in
    try place.directory.write(
      """
      def application(environment, start_response):
          start_response("200 OK", [("Content-Type", "text/plain")])
          return [f"you asked for {environment['PATH_INFO']}\\n".encode()]
      """, to: "hello.py")
    let bind = place.handover == .listenFDs ? [] : ["--bind", "\(place.endpoint)"]
    return Setup(
      command: ["gunicorn", "--workers", "2", "--graceful-timeout", "0", "--chdir", place.directory.path] + bind
        + ["hello"]
    ) { word in .http("/\(word)", body: "you asked for /\(word)\n") }
  }
}
