import CLinux
import Glibc

/// A directory that nobody but its owner, who is ourselves, can change: what is in it is what we have put there.
///
/// All is done relative to its descriptor, so that nobody who may rename what is above it can lead us elsewhere.
public struct PrivateDirectory: ~Copyable {
  public let path: String
  private let descriptor: OwnedFD

  /// Why a directory can't be trusted, or had.
  public enum Refusal: Error, Equatable, Sendable, CustomStringConvertible {
    case system(Errno)
    case ownedBySomebodyElse(user: UInt32)
    case writableByOthers(mode: UInt32)

    public var description: String {
      switch self {
      case .system(let errno): "\(errno)"
      case .ownedBySomebodyElse(let user): "it belongs to user \(user), who could replace what is in it"
      case .writableByOthers(let mode): "others may write in it (mode \(String(mode, radix: 8))); chmod go-w would do"
      }
    }
  }

  /// Opens `path`, which is made with `mode` if it isn't there, and with it the directories above. It may not be a symbolic link.
  public init(_ path: String, mode: UInt32 = 0o750) throws(Refusal) {
    let opened: OwnedFD
    do throws(Errno) { opened = try Self.open(path, mode: mode) } catch { throw .system(error) }
    var status = stat()
    guard unsafe fstat(opened.number, &status) == 0 else { throw .system(Errno(errno)) }
    guard status.st_uid == geteuid() else { throw .ownedBySomebodyElse(user: status.st_uid) }
    guard status.st_mode & 0o022 == 0 else { throw .writableByOthers(mode: status.st_mode & 0o7777) }
    self.path = path
    descriptor = opened
  }

  private static func open(_ path: String, mode: UInt32) throws(Errno) -> OwnedFD {
    try make(path, mode: mode)
    let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
    return try OwnedFD(owning: try call { unsafe Glibc.open(path, flags) }).kept()
  }

  private static func make(_ path: String, mode: UInt32) throws(Errno) {
    var made = path.hasPrefix("/") ? "" : "."
    let components = path.split(separator: "/")
    for (index, component) in components.enumerated() {
      made += "/" + component
      let isLast = index == components.count - 1
      if unsafe mkdir(made, isLast ? mode : 0o755) == 0 || errno == EEXIST { continue }
      let code = errno
      // What is there already may be in a directory that we can't write, or on a read-only file system.
      if unsafe access(made, F_OK) != 0 { throw Errno(code) }
    }
  }

  /// What a file is opened for. None of them follows a symbolic link, none waits, none takes anything but an ordinary file.
  public enum Access: Sendable {
    case reading
    /// At its end, whoever else writes; it is made if it isn't there.
    case appending
    /// The same, if it is there.
    case appendingIfThere
    /// In place of what is there.
    case replacing

    var flags: Int32 {
      switch self {
      case .reading: O_RDONLY
      case .appending: O_WRONLY | O_APPEND | O_CREAT
      case .appendingIfThere: O_WRONLY | O_APPEND
      case .replacing: O_WRONLY | O_APPEND | O_CREAT | O_TRUNC
      }
    }
  }

  /// A file of this directory. Throws `.exists` when what is there is no ordinary file.
  public func open(_ name: String, for access: Access, mode: UInt32 = 0o640) throws(Errno) -> OwnedFD {
    guard Self.isName(name) else { throw .invalid }
    let number = descriptor.number
    let flags = access.flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
    let file: OwnedFD
    do throws(Errno) {
      file = try OwnedFD(owning: try call { unsafe openat(number, name, flags, mode) }).kept()
    } catch {
      // A symbolic link; a FIFO that nobody reads, or a socket; a directory.
      let isNoFile = error == Errno(ELOOP) || error == Errno(ENXIO) || error == Errno(EISDIR)
      throw isNoFile ? .exists : error
    }
    guard try file.status().isOrdinary else { throw .exists }
    // A service gets it, and may not expect that.
    try file.setNonBlocking(false)
    return file
  }

  /// nil: there is none.
  public func status(_ name: String) throws(Errno) -> FileStatus? {
    let number = descriptor.number
    var status = stat()
    do throws(Errno) {
      _ = try call { unsafe fstatat(number, name, &status, AT_SYMLINK_NOFOLLOW) }
    } catch {
      if error == .noEntry { return nil }
      throw error
    }
    return FileStatus(status)
  }

  /// In place of what has the new name.
  public func rename(_ name: String, to other: String) throws(Errno) {
    guard Self.isName(other) else { throw .invalid }
    let number = descriptor.number
    _ = try call { unsafe renameat(number, name, number, other) }
  }

  public func remove(_ name: String) { _ = unsafe unlinkat(descriptor.number, name, 0) }

  /// Whether somebody has removed it: then nothing can be made in it any more.
  public var isGone: Bool {
    var status = stat()
    return unsafe fstat(descriptor.number, &status) != 0 || status.st_nlink == 0
  }

  private static func isName(_ name: String) -> Bool {
    !name.isEmpty && name != "." && name != ".." && !name.utf8.contains(UInt8(ascii: "/"))
      && !name.utf8.contains(0)
  }
}

/// What fstat(2) says of a file, as far as it is asked.
public struct FileStatus: Equatable, Sendable {
  public let inode: UInt64
  public let sizeBytes: Int
  /// What it takes on the disk: less than its size where it has holes.
  public let allocatedBytes: Int
  public let isOrdinary: Bool

  init(_ status: stat) {
    inode = UInt64(status.st_ino)
    sizeBytes = Int(status.st_size)
    allocatedBytes = Int(status.st_blocks) * 512
    isOrdinary = status.st_mode & S_IFMT == S_IFREG
  }
}

extension OwnedFD {
  /// An ordinary file by its path; neither a symbolic link nor anything that would have to be waited for.
  public static func reading(_ path: String) throws(Errno) -> OwnedFD {
    let flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
    let file = try OwnedFD(owning: try call { unsafe open(path, flags) }).kept()
    guard try file.status().isOrdinary else { throw .exists }
    return file
  }

  public borrowing func status() throws(Errno) -> FileStatus {
    let number = number
    var status = stat()
    _ = try call { unsafe fstat(number, &status) }
    return FileStatus(status)
  }

  /// Up to `count` bytes of a file from `offset` on (pread(2)); fewer at its end.
  public borrowing func read(_ count: Int, at offset: Int) throws(Errno) -> [UInt8] {
    let number = number
    var buffer = [UInt8](repeating: 0, count: count)
    var total = 0
    while total < count {
      let start = total
      let more = try call {
        unsafe buffer.withUnsafeMutableBytes { bytes in
          guard let base = bytes.baseAddress else { return 0 }
          return unsafe pread(number, base + start, count - start, off_t(offset + start))
        }
      }
      if more == 0 { break }
      total += more
    }
    return Array(buffer.prefix(total))
  }

  public borrowing func truncate(to bytes: Int) throws(Errno) {
    let number = number
    _ = try call { ftruncate(number, off_t(bytes)) }
  }
}
