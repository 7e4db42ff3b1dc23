import Glibc

/// An address to bind.
struct ListenAddress {
  private var storage = sockaddr_storage()
  private let length: socklen_t

  var family: Int32 { Int32(storage.ss_family) }

  init(_ behaviours: Behaviours, port: UInt16) {
    // ::ffff:127.0.0.1 is what Java binds for 127.0.0.1.
    let host =
      switch behaviours.addressing {
      case .host: behaviours.host
      case .mappedV6: "::ffff:127.0.0.1"
      case .wildcard: "0.0.0.0"
      case .wildcardV6: "::"
      }
    var ipv4 = sockaddr_in()
    var ipv6 = sockaddr_in6()
    if inet_pton(AF_INET, host, &ipv4.sin_addr) == 1 {
      ipv4.sin_family = sa_family_t(AF_INET)
      ipv4.sin_port = port.bigEndian
      length = socklen_t(MemoryLayout<sockaddr_in>.size)
      withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: ipv4, as: sockaddr_in.self) }
    } else if inet_pton(AF_INET6, host, &ipv6.sin6_addr) == 1 {
      ipv6.sin6_family = sa_family_t(AF_INET6)
      ipv6.sin6_port = port.bigEndian
      length = socklen_t(MemoryLayout<sockaddr_in6>.size)
      withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: ipv6, as: sockaddr_in6.self) }
    } else {
      die("\(host) is not an IPv4 or IPv6 address", exitCode: 2)
    }
  }

  /// Calls bind(2).
  func bind(_ descriptor: Int32) -> Bool {
    withUnsafePointer(to: storage) { storage in
      storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.bind(descriptor, $0, length) == 0 }
    }
  }

  /// The port that a socket is bound to. It's at the same place for both families.
  static func port(of descriptor: Int32) -> UInt16 {
    var address = sockaddr_in6()
    var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
    let status = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    return status == 0 ? UInt16(bigEndian: address.sin6_port) : 0
  }
}
