import Foundation

/// An address to connect to.
struct Endpoint: Equatable, Sendable, CustomStringConvertible {
  let host: String
  let port: UInt16
  /// Of a unix socket, which has neither.
  var path: String?
  /// UDP, not TCP.
  var isDatagram = false
  /// Of a unix socket.
  var type = SOCK_STREAM

  /// `path`: or an abstract name with @ for its first byte.
  static func unix(_ path: String, _ type: __socket_type = SOCK_STREAM) -> Endpoint {
    Endpoint(host: "", port: 0, path: path, type: type)
  }
  static func v4(_ port: UInt16) -> Endpoint { Endpoint(host: "127.0.0.1", port: port) }
  static func udp(_ port: UInt16) -> Endpoint { Endpoint(host: "127.0.0.1", port: port, isDatagram: true) }
  static func v6(_ port: UInt16) -> Endpoint { Endpoint(host: "::1", port: port) }

  var isV6: Bool { host.contains(":") }
  var family: Int32 { path != nil ? AF_UNIX : isV6 ? AF_INET6 : AF_INET }
  /// As `torpor run -l` takes it.
  var description: String {
    path.map { typePrefix + $0 } ?? (isDatagram ? "udp:" : "") + (isV6 ? "[\(host)]:\(port)" : "\(host):\(port)")
  }

  private var typePrefix: String {
    type == SOCK_SEQPACKET ? "seqpacket:" : type == SOCK_DGRAM ? "dgram:" : ""
  }
  /// As socket(2) takes it.
  var socketType: Int32 { Int32((path != nil ? type : isDatagram ? SOCK_DGRAM : SOCK_STREAM).rawValue) }

  func withAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    if let path {
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      let bytes = path.hasPrefix("@") ? [0] + path.utf8.dropFirst() : Array(path.utf8)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes.prefix(107)) }
      // All of its length counts for an abstract name.
      return Self.pass(address, path.hasPrefix("@") ? 2 + bytes.count : nil, body)
    }
    if isV6 {
      var address = sockaddr_in6()
      address.sin6_family = sa_family_t(AF_INET6)
      address.sin6_port = port.bigEndian
      inet_pton(AF_INET6, host, &address.sin6_addr)
      return Self.pass(address, nil, body)
    }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    inet_pton(AF_INET, host, &address.sin_addr)
    return Self.pass(address, nil, body)
  }

  /// How hammer is told of it.
  var hammerArguments: [String] {
    path.map { ["--unix", typePrefix + $0] } ?? ["--host", host, "--port", "\(port)"] + (isDatagram ? ["--udp"] : [])
  }

  private static func pass<Address, Result>(
    _ address: Address, _ length: Int?, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(length ?? MemoryLayout<Address>.size))
      }
    }
  }
}
