import Testing

extension SharedDataTests.MatrixTests {
  @Test(.installed(.node), arguments: MatrixServer.node.cases)
  func node(_ row: MatrixCase) throws { try row.check() }

  @Test(.installed(.nodeCluster), arguments: MatrixServer.nodeCluster.cases)
  func nodeCluster(_ row: MatrixCase) throws { try row.check() }
}

extension MatrixServer {
  static let node = node(named: "node, http") { $0 }
  /// The primary listens, and two workers serve.
  static let nodeCluster = node(named: "node, cluster") { server in
    """
    const cluster = require('cluster')
    if (cluster.isPrimary) { cluster.fork(); cluster.fork() } else { \(server) }
    """
  }

  private static func node(
    named name: String, _ script: @escaping @Sendable (_ server: String) -> String
  ) -> MatrixServer {
    MatrixServer(
      name: name, needs: [.program("node")], versionCommand: ["node", "--version"],
      handovers: [.adopt, .listenFDs, .auto], secondsPerStop: 2
    ) { place in
      // It has to be told, so `auto` is adoption here.
      let address =
        place.handover == .listenFDs
        ? "{ fd: 3 }" : "{ host: '\(place.endpoint.host)', port: \(place.endpoint.port) }"
      let server = """
        require('http').createServer((request, response) => response.end('you asked for ' + request.url + '\\n'))
          .listen(\(address))
        """
      return Setup(command: ["node", try place.directory.write(script(server), to: "server.js")]) { word in
        .http("/\(word)", body: "you asked for /\(word)\n")
      }
    }
  }
}
