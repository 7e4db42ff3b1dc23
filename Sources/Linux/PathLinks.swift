import Glibc

/// Symbolic links to a held path (Symlinks=).
public struct PathLinks: Equatable {
  let target: String
  private var made: [String] = []

  /// Makes them, and directories on the way. What is there already stays, unless it is the same link. `failed` hears of each that
  /// can't be made.
  public init(_ paths: [String], to target: String, directoryMode: UInt32, failed: (String) -> Void) {
    self.target = target
    for path in paths {
      do throws(Errno) {
        try make(path, directoryMode)
        made.append(path)
      } catch { failed("the symbolic link '\(path)' to \(target) can't be made: \(error)") }
    }
  }

  private func make(_ path: String, _ directoryMode: UInt32) throws(Errno) {
    let parent = path.split(separator: "/").dropLast().reduce(into: "") { $0 += "/" + $1 }
    try SocketDirectory.makeDirectories(parent, mode: directoryMode)
    if unsafe symlink(target, path) != 0 {
      let code = errno
      guard code == EEXIST, leadsToTarget(path) else { throw Errno(code) }
    }
  }

  private func leadsToTarget(_ path: String) -> Bool {
    var buffer = [CChar](repeating: 0, count: 4096)
    let length = unsafe readlink(path, &buffer, buffer.count)
    guard length > 0 else { return false }
    return buffer.prefix(length).map { UInt8(bitPattern: $0) } == Array(target.utf8)
  }

  /// Those that still lead to it.
  public func remove() { remove(but: []) }

  /// The same without those that stay.
  public func remove(but kept: [String]) {
    for path in made where !kept.contains(path) && leadsToTarget(path) { _ = unsafe unlink(path) }
  }
}
