import CLinux

/// The name of a unix socket (unix(7)): a path, or an abstract name, which is in no file system.
public struct UnixAddress: Hashable, Sendable, CustomStringConvertible {
  /// sun_path without a path's terminating 0. An abstract name begins with 0.
  public let name: [UInt8]

  /// sun_path has 108 bytes, the last of which is a path's 0. (The kernel would take a path of 108; few programs do.)
  public static let pathBytesMax = 107
  public static let nameBytesMax = 108

  /// nil for an empty name or one that is too long.
  public init?(name: [UInt8]) {
    guard let first = name.first, name.count <= (first == 0 ? Self.nameBytesMax : Self.pathBytesMax) else { return nil }
    guard first == 0 || !name.contains(0) else { return nil }
    self.name = name
  }

  public init?(path: String) { self.init(name: Array(path.utf8)) }

  /// As systemd writes it: "@name" without its "@".
  public init?(abstract: String) {
    guard !abstract.isEmpty else { return nil }
    self.init(name: [0] + abstract.utf8)
  }

  /// As a process laid it out for bind(2) or connect(2). nil when it isn't AF_UNIX, or has no name.
  public init?(sockaddr: [UInt8]) {
    var name = [UInt8](repeating: 0, count: Self.nameBytesMax)
    let count = unsafe cl_parse_unix(sockaddr, sockaddr.count, &name)
    guard count > 0 else { return nil }
    self.init(name: Array(name.prefix(Int(count))))
  }

  public var isAbstract: Bool { name.first == 0 }

  /// nil for an abstract name.
  public var path: String? { isAbstract ? nil : String(decoding: name, as: UTF8.self) }

  /// "/run/redis.sock", or "@name" as ss(8) and systemd write abstract names. Some programs fill such a name up with zeros, which
  /// makes it another one: these are @, too, as in /proc/net/unix.
  public var description: String {
    String(decoding: isAbstract ? name.map { $0 == 0 ? UInt8(ascii: "@") : $0 } : name, as: UTF8.self)
  }
}
