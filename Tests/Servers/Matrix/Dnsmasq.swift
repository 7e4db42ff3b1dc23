import Testing

extension SharedDataTests.MatrixTests {
  @Test(.installed(.dnsmasq), arguments: MatrixServer.dnsmasq.cases)
  func dnsmasq(_ row: MatrixCase) throws { try row.check() }
}

extension MatrixServer {
  /// By UDP and TCP on one port. It forks for each TCP connection.
  static let dnsmasq = MatrixServer(
    name: "dnsmasq", needs: [.program("dnsmasq")], versionCommand: [program, "--version"],
    sockets: [[.udp, .tcp4]]
  ) { place in
    let command = [
      program, "--keep-in-foreground", "--conf-file=/dev/null", "--port=\(place.endpoint.port)",
      "--listen-address=\(place.endpoint.host)", "--bind-interfaces", "--no-resolv", "--no-hosts",
      "--address=/torpor.test/192.0.2.7", "--pid-file=\(place.directory.path("dnsmasq.pid"))",
    ]
    return Setup(command: command + (Machine.isRoot ? ["--user=root"] : [])) { word in
      .dns("\(word).torpor.test", address: "192.0.2.7")
    }
  }

  private static let program = Machine.find("dnsmasq") ?? "dnsmasq"
}
