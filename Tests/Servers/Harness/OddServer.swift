/// The misbehaving test server: each flag is one thing that real servers do wrong or differently.
enum OddServer {
  static func command(
    _ endpoint: Endpoint, _ flags: [String] = [], binaries: Binaries = .built
  ) -> [String] {
    [binaries.oddserver, "--host", endpoint.host, "--port", "\(endpoint.port)"] + flags
  }

  /// Runs torpor with it on a port of 127.0.0.1.
  static func run(
    _ flags: [String] = [], idle: String = "50ms", options: [String] = [],
    confinement: Confinement? = .everywhere, _ body: (TorporProcess, Endpoint) throws -> Void
  ) throws {
    let endpoint = Endpoint.v4(try freePort())
    let arguments = ["-l", "\(endpoint)", "--idle", idle] + options + ["--"] + command(endpoint, flags)
    try TorporProcess.run(arguments, confinement: confinement) { try body($0, endpoint) }
  }

  /// A manager's unit of it.
  static func unit(
    _ endpoint: Endpoint, _ flags: [String] = [], listen: [Endpoint]? = nil, idle: String = "300ms", more: String = ""
  ) -> String {
    let sockets = (listen ?? [endpoint]).map { "ListenStream=\($0)" }.joined(separator: "\n")
    return """
      [Socket]
      \(sockets)
      [Service]
      ExecStart=\(command(endpoint, flags).joined(separator: " "))
      [X-Idle]
      TimeoutSec=\(idle)
      MinimumUptimeSec=0
      \(more)
      """
  }
}
