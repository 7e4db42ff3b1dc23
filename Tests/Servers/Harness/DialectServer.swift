import Foundation

/// A server that takes listening sockets in a way of its own, so that torpor's placeholders have to say it.
struct DialectServer: Sendable {
  let name: String
  /// nil: not installed.
  let program: String?
  /// torpor's options besides the address, whose socket is named "front".
  let options: [String]
  /// The command, after writing into a directory what it needs.
  let prepare: @Sendable (_ program: String, Endpoint, TemporaryDirectory) throws -> [String]
  let exchange: @Sendable (TemporaryDirectory) -> Exchange

  var isInstalled: Bool { program != nil }

  func arguments(_ endpoint: Endpoint, in directory: TemporaryDirectory, handover: String) throws -> [String] {
    guard let program else { throw SystemFailure("find \(name)", ENOENT) }
    return ["-l", "front=\(endpoint)", "--idle", "50ms", "--handover", handover]
      + options.map { $0.replacingOccurrences(of: "ADDRESS", with: "\(endpoint)") } + ["--"]
      + (try prepare(program, endpoint, directory))
  }

  /// The variable by which a running nginx hands its sockets to its next version.
  static let nginx = DialectServer(
    name: "nginx", program: RealServer.nginx.program, options: ["--env", "NGINX=%{fds:;}"]
  ) { _, endpoint, directory in
    try RealServer.nginx.command(port: endpoint.port, in: directory)
  } exchange: { _ in
    RealServer.nginx.exchange("dialect")
  }

  /// The same idea in php-fpm.
  static let phpFPM = DialectServer(
    name: "php-fpm", program: ["php-fpm", "php-fpm8.4", "php-fpm8.2"].lazy.compactMap(Machine.find).first,
    options: ["--env", "FPM_SOCKETS=ADDRESS=%{fd:front}"]
  ) { program, endpoint, directory in
    let account = Machine.isRoot ? "user = nobody\ngroup = nogroup" : ""
    let configuration = """
      [global]
      error_log = \(directory.path("fpm.log"))
      daemonize = no
      [www]
      \(account)
      listen = \(endpoint)
      pm = static
      pm.max_children = 1
      """
    try directory.write("<?php echo 'hello from php';", to: "hello.php")
    return [program, "--nodaemonize", "--fpm-config", try directory.write(configuration, to: "fpm.conf"), "-n"]
  } exchange: { directory in
    FastCGI.get(directory.path("hello.php"), body: "hello from php")
  }

  /// In its configuration, where it reads environment variables.
  static let haproxy = DialectServer(
    name: "haproxy", program: Machine.find("haproxy"), options: ["--env", "FRONT=%{fd}"]
  ) { program, _, directory in
    let configuration = """
      defaults
        mode http
        timeout client 5s
        timeout connect 5s
        timeout server 5s
      frontend front
        bind "fd@${FRONT}"
        http-request return status 200 content-type text/plain string "hello from haproxy"

      """
    return [program, "-db", "-f", try directory.write(configuration, to: "haproxy.cfg")]
  } exchange: { _ in
    .http(path: "/", body: "hello from haproxy")
  }
}

/// A FastCGI request for one script. All its lengths are below 128, so that it is plain ASCII and can be a `String`.
enum FastCGI {
  private enum Kind: UInt8 {
    case beginRequest = 1
    case parameters = 4
    case standardInput = 5
  }

  private static func record(_ kind: Kind, _ content: [UInt8]) -> [UInt8] {
    precondition(content.count < 128, "longer lengths aren't ASCII")
    return [1, kind.rawValue, 0, 1, 0, UInt8(content.count), 0, 0] + content
  }

  private static func parameter(_ name: String, _ value: String) -> [UInt8] {
    record(.parameters, [UInt8(name.utf8.count), UInt8(value.utf8.count)] + name.utf8 + value.utf8)
  }

  static func get(_ script: String, body: String) -> Exchange {
    // A responder, and the connection is closed after the answer.
    let bytes =
      record(.beginRequest, [0, 1, 0, 0, 0, 0, 0, 0]) + parameter("REQUEST_METHOD", "GET")
      + parameter("SCRIPT_FILENAME", script) + record(.parameters, []) + record(.standardInput, [])
    return Exchange(request: String(decoding: bytes, as: UTF8.self), reply: .document(containing: [body]))
  }
}
