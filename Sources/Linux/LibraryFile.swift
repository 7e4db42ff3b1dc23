import Glibc

/// A shared library of ours as a file that processes of any user can load, and that nobody but us can have written.
public enum LibraryFile {
  /// Puts it into `directory`, which is made if it isn't there, unless the same is there already. Returns its path.
  ///
  /// Throws `.notPermitted` for a directory that is somebody else's or that others may write, or, with `isForAll`, not all may
  /// read; and what mmap(2) says where nothing may be executed (a file system that is mounted with noexec).
  public static func publish(
    _ bytes: [UInt8], named name: String, in directory: String, isForAll: Bool
  ) throws(Errno) -> String {
    let isNew = unsafe mkdir(directory, 0o755) == 0
    let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
    let parent = OwnedFD(owning: try call { unsafe open(directory, flags) })
    let number = parent.number
    // Whatever our umask is.
    if isNew { _ = try call { fchmod(number, 0o755) } }
    try check(parent, kind: S_IFDIR, isForAll: isForAll)
    if (try? isThere(bytes, name, in: parent)) != true { try write(bytes, name, in: parent) }
    return "\(directory)/\(name)"
  }

  private static func check(_ file: borrowing OwnedFD, kind: mode_t, isForAll: Bool) throws(Errno) {
    let number = file.number
    var status = stat()
    _ = try call { unsafe fstat(number, &status) }
    let wanted: mode_t = kind == S_IFDIR ? 0o005 : 0o004
    guard status.st_mode & S_IFMT == kind, status.st_uid == geteuid(), status.st_mode & 0o022 == 0,
      !isForAll || status.st_mode & wanted == wanted
    else { throw .notPermitted }
  }

  private static func isThere(
    _ bytes: [UInt8], _ name: String, in parent: borrowing OwnedFD
  ) throws(Errno) -> Bool {
    let directory = parent.number
    let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
    let file = OwnedFD(owning: try call { unsafe openat(directory, name, flags) })
    try check(file, kind: S_IFREG, isForAll: true)
    var present = [UInt8](repeating: 0, count: bytes.count + 1)
    guard try file.read(into: &present) == bytes.count, present.dropLast().elementsEqual(bytes) else { return false }
    try checkLoadable(file, count: bytes.count)
    return true
  }

  private static func write(_ bytes: [UInt8], _ name: String, in parent: borrowing OwnedFD) throws(Errno) {
    let directory = parent.number
    let temporary = ".\(name).\(getpid())"
    // One that a crash has left.
    _ = unsafe unlinkat(directory, temporary, 0)
    let made = OwnedFD(
      owning: try call { unsafe openat(directory, temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o644) })
    do throws(Errno) {
      let number = made.number
      _ = try call { fchmod(number, 0o644) }
      guard try made.write(bytes) == bytes.count else { throw Errno(ENOSPC) }
      try checkLoadable(made, count: bytes.count)
      _ = try call { unsafe renameat(directory, temporary, directory, name) }
    } catch {
      _ = unsafe unlinkat(directory, temporary, 0)
      throw error
    }
  }

  /// As the dynamic linker will map it.
  private static func checkLoadable(_ file: borrowing OwnedFD, count: Int) throws(Errno) {
    let mapped = unsafe mmap(nil, count, PROT_READ | PROT_EXEC, MAP_PRIVATE, file.number, 0)
    guard unsafe mapped != MAP_FAILED else { throw Errno(errno) }
    unsafe munmap(mapped, count)
  }
}
