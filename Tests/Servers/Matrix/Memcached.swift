import Testing

extension SharedDataTests.MatrixTests {
  @Test(.installed(.memcached), arguments: MatrixServer.memcached.cases)
  func memcached(_ row: MatrixCase) throws { try row.check() }
}

extension MatrixServer {
  /// It looks for SIGTERM once a second, and has nothing that SIGKILL could harm.
  static let memcached = MatrixServer(
    name: "memcached", needs: [.program("memcached")], versionCommand: ["memcached", "--version"],
    sockets: [[.tcp4], [.unix], [.udp]]
  ) { place in
    let user = Machine.isRoot ? ["-u", "nobody"] : []
    let command = ["memcached"] + address(place.endpoint) + user
    return Setup(command: command, options: ["--stop-signal", "KILL"]) { word in
      let set = "set \(word) 0 0 5\r\nhello\r\n"
      if place.endpoint.isDatagram { return .text(datagramHeader + set, reply: datagramHeader + "STORED\r\n") }
      return .text(set + "get \(word)\r\n", reply: "STORED\r\nVALUE \(word) 0 5\r\nhello\r\nEND\r\n")
    }
  }

  private static func address(_ endpoint: Endpoint) -> [String] {
    if let path = endpoint.path { return ["-s", path] }
    let (tcp, udp) = endpoint.isDatagram ? (0, endpoint.port) : (endpoint.port, 0)
    return ["-l", endpoint.host, "-p", "\(tcp)", "-U", "\(udp)"]
  }

  /// Request 7, datagram 0 of 1.
  private static let datagramHeader = "\0\u{7}\0\0\0\u{1}\0\0"
}
