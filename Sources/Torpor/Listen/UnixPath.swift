import Linux

/// A path to hold, as a person writes it.
enum UnixPath {
  struct Malformed: Error, Equatable {
    let reason: String
  }

  /// The same path without "//" and "/./", so that it is told as one with others of its kind.
  static func plain(_ text: String) throws(Malformed) -> UnixAddress {
    if text.hasPrefix("@") { throw Malformed(reason: "abstract unix sockets can't be held yet") }
    guard text.hasPrefix("/") else { throw Malformed(reason: "a unix path begins with /") }
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
