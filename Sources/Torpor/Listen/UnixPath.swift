import Linux

/// A path to hold, as a person writes it.
enum UnixPath {
  struct Malformed: Error, Equatable {
    let reason: String
  }

  /// A path, or an abstract name as systemd writes it.
  static func name(_ text: String) throws(Malformed) -> UnixAddress {
    guard text.hasPrefix("@") else { return try plain(text) }
    guard text.count > 1 else { throw Malformed(reason: "an abstract name has one byte at least") }
    guard let address = UnixAddress(abstract: String(text.dropFirst())) else {
      throw Malformed(reason: "an abstract name has \(UnixAddress.nameBytesMax - 1) bytes at most")
    }
    return address
  }

  /// The same path without "//" and "/./", so that it is told as one with others of its kind.
  static func plain(_ text: String) throws(Malformed) -> UnixAddress {
    guard text.hasPrefix("/") else { throw Malformed(reason: "a path begins with /") }
    let components = text.split(separator: "/").filter { $0 != "." }
    if components.contains("..") { throw Malformed(reason: "'..' isn't taken in a path: name the directory itself") }
    guard !components.isEmpty, !text.hasSuffix("/"), !text.hasSuffix("/.") else {
      throw Malformed(reason: "it names a directory")
    }
    let path = "/" + components.joined(separator: "/")
    guard let address = UnixAddress(path: path) else {
      throw Malformed(
        reason: path.contains("\0")
          ? "a path has no null character" : "a socket's path has \(UnixAddress.pathBytesMax) bytes at most")
    }
    return address
  }
}
