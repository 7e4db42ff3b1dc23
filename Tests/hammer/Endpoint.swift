import Glibc

/// The server's address, resolved once so that no look-up is ever measured.
struct Endpoint: Sendable {
  private let storage: sockaddr_storage
  private let length: socklen_t
  /// As a `Host:` header wants it.
  let hostHeader: String
  /// Requests and replies are a datagram each.
  var isDatagram = false
  /// Requests and replies are a message each, by a connection.
  var isSequencedPackets = false

  var type: __socket_type { isDatagram ? SOCK_DGRAM : isSequencedPackets ? SOCK_SEQPACKET : SOCK_STREAM }

  var family: Int32 { Int32(storage.ss_family) }

  struct Unresolvable: Error, CustomStringConvertible {
    let description: String
  }

  /// - Parameter host: an IPv4 or IPv6 address, or a name, whose first address is taken.
  init(host: String, port: UInt16) throws(Unresolvable) {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_NUMERICSERV
    var found: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(host, String(port), &hints, &found)
    defer { if let found { freeaddrinfo(found) } }
    guard status == 0, let first = found?.pointee, let address = first.ai_addr else {
      throw Unresolvable(description: "cannot resolve host \(host): \(String(cString: gai_strerror(status)))")
    }
    var storage = sockaddr_storage()
    let size = min(Int(first.ai_addrlen), MemoryLayout<sockaddr_storage>.size)
    withUnsafeMutableBytes(of: &storage) { $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: size)) }
    self.storage = storage
    length = first.ai_addrlen
    hostHeader = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }

  /// A unix socket by its path, or by its abstract name with @ for its first byte; after "seqpacket:" one of that type.
  init(path: String) throws(Unresolvable) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    isSequencedPackets = path.hasPrefix("seqpacket:")
    let path = isSequencedPackets ? String(path.dropFirst(10)) : path
    let isAbstract = path.hasPrefix("@")
    let bytes = isAbstract ? [0] + path.utf8.dropFirst() : Array(path.utf8)
    guard !bytes.isEmpty, bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
      throw Unresolvable(description: "a unix path has 1 to 107 bytes")
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    var storage = sockaddr_storage()
    withUnsafeMutableBytes(of: &storage) { target in
      withUnsafeBytes(of: address) { target.copyMemory(from: $0) }
    }
    self.storage = storage
    // The whole length counts for an abstract name, zeros and all.
    length = socklen_t(isAbstract ? 2 + bytes.count : MemoryLayout<sockaddr_un>.size)
    hostHeader = "localhost"
  }

  /// Calls connect(2): 0, or what the kernel said.
  func connect(_ descriptor: Int32) -> Int32 {
    withUnsafePointer(to: storage) { storage in
      storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        Glibc.connect(descriptor, address, length) == 0 ? 0 : errno
      }
    }
  }
}
