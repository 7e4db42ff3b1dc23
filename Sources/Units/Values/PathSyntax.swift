/// Paths in unit files.
enum PathSyntax {
  /// PATH_MAX with its NUL.
  private static let bytesMax = 4095

  /// An absolute path, simplified: no doubled slashes, no ".", no slash at the end. ".." is refused, as systemd does.
  static func plain(_ text: String) throws(ValueError) -> String {
    guard text.utf8.first == UInt8(ascii: "/") else {
      throw ValueError("'\(text)' is not an absolute path")
    }
    guard text.utf8.count <= bytesMax, !text.utf8.contains(0) else {
      throw ValueError("a path has at most \(bytesMax) bytes")
    }
    let parts = text.utf8.split(separator: UInt8(ascii: "/")).map { String(decoding: Array($0), as: UTF8.self) }
    guard !parts.contains("..") else { throw ValueError("'\(text)' has '..' in it") }
    return "/" + parts.filter { $0 != "." }.joined(separator: "/")
  }

  /// A path below some directory: "redis", "redis/data".
  static func relative(_ text: String) throws(ValueError) -> String {
    guard !text.isEmpty, text.utf8.first != UInt8(ascii: "/") else {
      throw ValueError("'\(text)' is not a relative path")
    }
    return String(try plain("/" + text).dropFirst())
  }

  /// The name of a file, without a directory.
  static func isFileName(_ text: String) -> Bool {
    !text.isEmpty && text != "." && text != ".." && text.utf8.count <= 255
      && !text.utf8.contains { $0 == UInt8(ascii: "/") || $0 == 0 }
  }
}
