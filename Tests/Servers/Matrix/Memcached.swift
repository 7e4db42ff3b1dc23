import Testing

extension ServerTests.MatrixTests {
  @Test(.installed(.memcached), arguments: MatrixServer.memcached.cases)
  func memcached(_ row: MatrixCase) throws { try row.check() }
}

extension MatrixServer {
  static let memcached = MatrixServer(
    name: "memcached", needs: [.program("memcached")], versionCommand: ["memcached", "--version"]
  ) { place in
    let user = Machine.isRoot ? ["-u", "nobody"] : []
    let command = ["memcached", "-l", place.endpoint.host, "-p", "\(place.endpoint.port)", "-U", "0"] + user
    return Setup(command: command) { word in
      .text(
        "set \(word) 0 0 5\r\nhello\r\nget \(word)\r\n", reply: "STORED\r\nVALUE \(word) 0 5\r\nhello\r\nEND\r\n")
    }
  }
}
