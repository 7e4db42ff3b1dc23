import Foundation

/// An address to connect to.
struct Endpoint: Equatable, Sendable, CustomStringConvertible {
  let host: String
  let port: UInt16
  /// Of a unix socket, which has neither.
  var path: String?
  /// UDP, not TCP.
  var isDatagram = false

  static func unix(_ path: String) -> Endpoint { Endpoint(host: "", port: 0, path: path) }
  static func v4(_ port: UInt16) -> Endpoint { Endpoint(host: "127.0.0.1", port: port) }
  static func udp(_ port: UInt16) -> Endpoint { Endpoint(host: "127.0.0.1", port: port, isDatagram: true) }
  static func v6(_ port: UInt16) -> Endpoint { Endpoint(host: "::1", port: port) }

  var isV6: Bool { host.contains(":") }
  var family: Int32 { path != nil ? AF_UNIX : isV6 ? AF_INET6 : AF_INET }
  /// As `torpor run -l` takes it.
  var description: String { path ?? (isDatagram ? "udp:" : "") + (isV6 ? "[\(host)]:\(port)" : "\(host):\(port)") }

  func withAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    if let path {
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
      return Self.pass(address, body)
    }
    if isV6 {
      var address = sockaddr_in6()
      address.sin6_family = sa_family_t(AF_INET6)
      address.sin6_port = port.bigEndian
      inet_pton(AF_INET6, host, &address.sin6_addr)
      return Self.pass(address, body)
    }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    inet_pton(AF_INET, host, &address.sin_addr)
    return Self.pass(address, body)
  }

  /// How hammer is told of it.
  var hammerArguments: [String] {
    path.map { ["--unix", $0] } ?? ["--host", host, "--port", "\(port)"] + (isDatagram ? ["--udp"] : [])
  }

  private static func pass<Address, Result>(
    _ address: Address, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<Address>.size)) }
    }
  }
}
