import Glibc

/// A file that wasn't there.
public enum NewFile {
  /// Writes it with mode 0644; directories that are missing are made. Throws `.exists` when there is one, which is left as it is.
  public static func write(_ text: String, to path: String) throws(Errno) { try write(Array(text.utf8), to: path) }

  /// The same for what need not be text.
  public static func write(_ bytes: [UInt8], to path: String) throws(Errno) {
    if let slash = path.lastIndex(of: "/"), slash > path.startIndex {
      try SocketDirectory.makeDirectories(String(path[..<slash]), mode: 0o755)
    }
    let file = OwnedFD(owning: try call { unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644) })
    do throws(Errno) {
      var start = 0
      while start < bytes.count { start += try file.write(bytes, from: start) }
    } catch {
      remove(path)
      throw error
    }
  }

  public static func remove(_ path: String) { _ = unsafe unlink(path) }
}
