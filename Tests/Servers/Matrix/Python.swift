import Foundation
import Testing

extension SharedDataTests.MatrixTests {
  @Test(.installed(.python), arguments: MatrixServer.python.cases)
  func python(_ row: MatrixCase) throws { try row.check() }
}

extension MatrixServer {
  /// Blocks in accept(), a thread for each connection.
  static let python = MatrixServer(
    name: "python3, http.server", needs: [.file(python3, of: "python3")], versionCommand: [python3, "--version"]
  ) { place in
    try place.directory.write("hello from a file\n", to: "hello.txt")
    let command = [
      python3, "-m", "http.server", "--bind", place.endpoint.host, "--directory", place.directory.path,
      "\(place.endpoint.port)",
    ]
    return Setup(command: command) { word in .http("/hello.txt?\(word)", body: "hello from a file\n") }
  }

  /// The distribution's own: another one in PATH may be a script that starts the real one.
  private static let python3 = "/usr/bin/python3"
}
