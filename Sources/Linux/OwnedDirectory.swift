import Glibc

/// A directory that is made for somebody who may do with it, and with what is in it, as they like.
///
/// Nothing in it is trusted: symbolic links are not followed, but for one in the root directory itself, which only its owner, an
/// administrator, can have put there.
public enum OwnedDirectory {
  /// Makes `name`, relative and perhaps with several parts, below `root`, where it isn't there yet; then gives the last part its
  /// owner and mode. nil leaves these.
  public static func make(
    _ name: String, below root: String, mode: UInt32, user: UInt32?, group: UInt32?
  ) throws(Errno) {
    try makeRoot(root)
    var directory = OwnedFD(owning: try call { unsafe open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC) })
    let parts = name.split(separator: "/").map(String.init)
    guard !parts.isEmpty, !parts.contains(".."), !parts.contains(".") else { throw .invalid }
    for (index, part) in parts.enumerated() {
      let parent = directory.number
      do throws(Errno) {
        // Its own mode at once: a private one must not be anybody's for a moment.
        _ = try call { unsafe mkdirat(parent, part, index == parts.count - 1 ? mode : 0o755) }
      } catch { if error != .exists { throw error } }
      directory = try enter(part, of: directory, mayBeLink: index == 0)
    }
    let number = directory.number
    var status = stat()
    _ = try call { unsafe fstat(number, &status) }
    if let user = user ?? group.map({ _ in status.st_uid }) {
      let group = group ?? status.st_gid
      if status.st_uid != user || status.st_gid != group { _ = try call { fchown(number, user, group) } }
    }
    // After the owner, whose change takes set-id bits away.
    if status.st_mode & 0o7777 != mode & 0o7777 { _ = try call { fchmod(number, mode & 0o7777) } }
  }

  /// Removes the last part of `name` if nothing is in it.
  public static func removeEmpty(_ name: String, below root: String) throws(Errno) {
    var directory = OwnedFD(owning: try call { unsafe open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC) })
    var parts = name.split(separator: "/").map(String.init)
    guard let last = parts.popLast() else { return }
    for (index, part) in parts.enumerated() { directory = try enter(part, of: directory, mayBeLink: index == 0) }
    let number = directory.number
    _ = try call { unsafe unlinkat(number, last, AT_REMOVEDIR) }
  }

  private static func enter(
    _ part: String, of parent: borrowing OwnedFD, mayBeLink: Bool
  ) throws(Errno) -> OwnedFD {
    let number = parent.number
    let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC
    do throws(Errno) {
      return OwnedFD(owning: try call { unsafe openat(number, part, flags | O_NOFOLLOW) })
    } catch {
      // With O_DIRECTORY a link is no directory.
      guard mayBeLink, error.code == ENOTDIR || error.code == ELOOP else { throw error }
      return OwnedFD(owning: try call { unsafe openat(number, part, flags) })
    }
  }

  /// Such as ~/.local/state: each part that isn't there, for us alone.
  private static func makeRoot(_ root: String) throws(Errno) {
    if unsafe access(root, F_OK) == 0 { return }
    var path = ""
    for part in root.split(separator: "/") {
      path += "/" + part
      do throws(Errno) { _ = try call { unsafe mkdir(path, 0o700) } } catch { if error != .exists { throw error } }
    }
  }
}
