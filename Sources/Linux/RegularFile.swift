import Glibc

/// Small regular files that somebody else may have made: neither a pipe nor a device keeps us, nor one without end.
public enum RegularFile {
  /// O_PATH, which Glibc's module leaves out.
  private static let referenceOnly: Int32 = 0o10000000

  /// What is in it. Throws `.invalid` for what is no regular file, and EFBIG for one that is longer than `limit` bytes.
  public static func contents(of path: String, limit: Int = 1 << 20) throws(Errno) -> [UInt8] {
    // Looked at before it is opened: whoever may put a symbolic link there can choose a device, and to open one can do something
    // (a watchdog begins to count).
    let reference = OwnedFD(owning: try call { unsafe open(path, Self.referenceOnly | O_CLOEXEC) })
    let number = reference.number
    var status = stat()
    _ = try call { unsafe fstat(number, &status) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .invalid }
    let file = OwnedFD(owning: try call { unsafe open("/proc/self/fd/\(number)", O_RDONLY | O_CLOEXEC | O_NONBLOCK) })
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16384)
    while true {
      let count = try file.read(into: &buffer)
      if count == 0 { return bytes }
      bytes.append(contentsOf: buffer[..<count])
      if bytes.count > limit { throw Errno(EFBIG) }
    }
  }

  /// The paths that a pattern matches, sorted (glob(7)); one that is no pattern is itself.
  public static func matching(_ pattern: String) -> [String] {
    guard pattern.contains(where: { "*?[".contains($0) }) else { return [pattern] }
    var found = unsafe glob_t()
    defer { unsafe globfree(&found) }
    guard unsafe glob(pattern, 0, nil, &found) == 0, let paths = unsafe found.gl_pathv else { return [] }
    return (0..<Int(unsafe found.gl_pathc)).compactMap { index in
      unsafe paths[index].map { unsafe String(cString: $0) }
    }
  }
}
