import CLinux
import Glibc

/// A FIFO (fifo(7)) that is open for both reading and writing: no writer waits for a reader, and no reader sees an end.
public struct FIFO: ~Copyable {
  public enum Refusal: Error, Equatable, Sendable {
    /// It is something else. It isn't removed.
    case noFIFO
    /// Another of us has it.
    case heldByAnother
    case kernel(Errno)

    public var errno: Errno {
      switch self {
      case .noFIFO: .exists
      case .heldByAnother: .busy
      case .kernel(let errno): errno
      }
    }
  }

  public let descriptor: OwnedFD
  public let path: String
  /// It wasn't there.
  private let isOurs: Bool

  /// Opens what is at `path`, or makes it; one that is there keeps its permissions.
  ///
  /// - Parameters:
  ///   - directoryMode: of directories on the way to it that are missing.
  ///   - pipeSize: in bytes; the kernel's default where that can't be had.
  public init(
    _ path: String, permissions: UnixGenerations.Permissions, directoryMode: UInt32 = 0o755, pipeSize: Int32? = nil
  ) throws(Refusal) {
    let parent = path.split(separator: "/").dropLast().reduce(into: "") { $0 += "/" + $1 }
    do throws(Errno) { try SocketDirectory.makeDirectories(parent, mode: directoryMode) } catch {
      throw .kernel(error)
    }
    let isOurs = unsafe mkfifo(path, permissions.mode) == 0
    if !isOurs, errno != EEXIST { throw .kernel(Errno(errno)) }
    do throws(Errno) {
      // Checked before it is opened: opening a device can do something.
      var status = stat()
      _ = try call { unsafe lstat(path, &status) }
      guard status.st_mode & S_IFMT == S_IFIFO else { throw .exists }
      let flags = O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW
      let opened = try OwnedFD(owning: try call { unsafe open(path, flags) }).kept()
      let number = opened.number
      _ = try call { unsafe fstat(number, &status) }
      guard status.st_mode & S_IFMT == S_IFIFO else { throw .exists }
      _ = try call { flock(number, LOCK_EX | LOCK_NB) }
      if isOurs {
        // mkfifo is subject to our mask.
        _ = try call { fchmod(number, permissions.mode) }
        if permissions.user != nil || permissions.group != nil {
          _ = try call { fchown(number, permissions.user ?? .max, permissions.group ?? .max) }
        }
      }
      if let pipeSize { _ = fcntl(number, 1031 /* F_SETPIPE_SZ */, pipeSize) }
      try opened.setNonBlocking(false)
      descriptor = opened
      self.path = path
      self.isOurs = isOurs
    } catch {
      if isOurs { _ = unsafe unlink(path) }
      switch error {
      case .exists: throw .noFIFO
      case .again: throw .heldByAnother
      default: throw .kernel(error)
      }
    }
  }

  /// Who may open it from here on. One that was there already keeps its permissions.
  public func setPermissions(_ permissions: UnixGenerations.Permissions) throws(Errno) {
    guard isOurs else { return }
    let number = descriptor.number
    _ = try call { fchmod(number, permissions.mode) }
    _ = try call { fchown(number, permissions.user ?? geteuid(), permissions.group ?? getegid()) }
  }

  /// In bytes; nil: what the kernel gives a new one. Returns whether it takes that much now.
  public func setSize(_ bytes: Int32?) -> Bool {
    let wanted = bytes ?? 65536
    return fcntl(descriptor.number, 1031 /* F_SETPIPE_SZ */, wanted) >= wanted
  }

  /// Whether the path leads to it.
  public var isInPlace: Bool {
    var status = stat()
    guard unsafe lstat(path, &status) == 0, let own = try? descriptor.identity() else { return false }
    return own == FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }

  /// How many bytes it takes.
  public var size: Int32 { fcntl(descriptor.number, 1032 /* F_GETPIPE_SZ */) }

  /// Bytes that nobody has read yet.
  public var unreadBytes: Int {
    var count: Int32 = 0
    return unsafe ioctl(descriptor.number, UInt(FIONREAD), &count) == 0 ? Int(count) : 0
  }

  /// The last component of the path, and the directory that it is in.
  public var baseName: [UInt8] { path.utf8.split(separator: UInt8(ascii: "/")).last.map { Array($0) } ?? [] }

  public func parentIdentity() throws(Errno) -> FileIdentity {
    let parent = String(decoding: path.utf8.dropLast(baseName.count), as: UTF8.self)
    let directory = OwnedFD(owning: try shim { unsafe cl_open_directory_at(AT_FDCWD, parent, 0) })
    return try directory.identity()
  }

  /// Removes it from the file system if we have made it.
  public func remove() {
    if isOurs, isInPlace { _ = unsafe unlink(path) }
  }
}
