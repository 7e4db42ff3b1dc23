import CLinux
import Glibc

/// A private directory beside a unix socket's path, `.NAME.torpor`, in which sockets get their names before anybody can reach
/// them, and keep a second one.
///
/// A server may unlink its own socket; a file without a name can't be given one again (linkat(2)), so each socket has a hard
/// link here. All is done relative to this directory's descriptor, so that nobody who may rename things above it can lead us
/// elsewhere. A lock tells a living owner from the remains of a dead one.
struct SocketDirectory: ~Copyable {
  /// Where the sockets are named, and what to do is said of: an absolute path.
  let path: String
  private let base: String
  private let descriptor: OwnedFD

  /// Names of second links, each for one generation.
  enum Slot: String, CaseIterable {
    case a, b
    var other: Slot { self == .a ? .b : .a }
  }
  private static let root = "root"
  private static let restored = "restored"

  /// Makes it, and the directories above it with `parentMode`. What a dead owner has left in it is removed.
  /// Throws `.busy` when a living one has it, `.exists` when something else is in its place.
  init(for path: String, parentMode: UInt32) throws(Errno) {
    let slash = path.lastIndex(of: "/") ?? path.startIndex
    let base = String(path[path.index(after: slash)...])
    let parentPath = slash == path.startIndex ? "/" : String(path[..<slash])
    try Self.makeDirectories(parentPath, mode: parentMode)
    let parent = OwnedFD(owning: try shim { unsafe cl_open_directory_at(AT_FDCWD, parentPath, 0) })
    let directory = try Self.open(".\(base).torpor", in: parent).kept()
    self.init(path: path, base: base, descriptor: directory)
    clear()
  }

  private init(path: String, base: String, descriptor: consuming OwnedFD) {
    self.path = path
    self.base = base
    self.descriptor = descriptor
  }

  static func makeDirectories(_ path: String, mode: UInt32) throws(Errno) {
    var made = ""
    for component in path.split(separator: "/") {
      made += "/" + component
      if unsafe mkdir(made, mode) != 0, errno != EEXIST {
        let code = errno
        // What is there already may be in a directory that we can't write, or on a read-only file system.
        if unsafe access(made, F_OK) != 0 { throw Errno(code) }
      }
    }
  }

  private static func open(_ name: String, in parent: borrowing OwnedFD) throws(Errno) -> OwnedFD {
    let number = parent.number
    // Another owner may remove it at the moment at which we open it: then it is made again. Seldom twice.
    for _ in 0..<16 {
      if unsafe mkdirat(number, name, 0o700) != 0, errno != EEXIST { throw Errno(errno) }
      let directory: OwnedFD
      do throws(Errno) {
        directory = OwnedFD(
          owning: try call { unsafe openat(number, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) })
      } catch {
        if error == .noEntry { continue }
        throw error == Errno(ENOTDIR) || error == Errno(ELOOP) ? .exists : error
      }
      var status = stat()
      let opened = directory.number
      _ = try call { unsafe fstat(opened, &status) }
      guard status.st_uid == geteuid() else { throw .exists }
      do throws(Errno) { _ = try call { flock(opened, LOCK_EX | LOCK_NB) } } catch {
        throw error == .again ? .busy : error
      }
      var named = stat()
      if unsafe fstatat(number, name, &named, AT_SYMLINK_NOFOLLOW) == 0, named.st_ino == status.st_ino {
        return directory
      }
    }
    throw .busy
  }

  /// The directories below `root` in which the path means what it means below "/".
  private func makePlaceholders() throws(Errno) {
    let number = descriptor.number
    var directory = Self.root
    for component in [""] + path.split(separator: "/").dropLast().map(String.init) {
      if !component.isEmpty { directory += "/" + component }
      if unsafe mkdirat(number, directory, 0o700) != 0, errno != EEXIST { throw Errno(errno) }
    }
  }

  /// Removes everything in it but the public name.
  private func clear() {
    for name in Slot.allCases.map(\.rawValue) + [Self.restored, inner] { remove(name) }
    var components = path.split(separator: "/").dropLast().map(String.init)
    while true {
      _ = unsafe unlinkat(descriptor.number, ([Self.root] + components).joined(separator: "/"), AT_REMOVEDIR)
      if components.isEmpty { return }
      components.removeLast()
    }
  }

  private var inner: String { Self.root + path }
  private var outer: String { "../" + base }

  private func remove(_ name: String) { _ = unsafe unlinkat(descriptor.number, name, 0) }

  /// The end: nothing of it is left.
  func destroy() {
    clear()
    // By its name: it may be a later owner's by now only if ours was removed by hand.
    var own = stat()
    var named = stat()
    let name = "../.\(base).torpor"
    if unsafe fstat(descriptor.number, &own) == 0,
      unsafe fstatat(descriptor.number, name, &named, AT_SYMLINK_NOFOLLOW) == 0, own.st_ino == named.st_ino
    {
      _ = unsafe unlinkat(descriptor.number, name, AT_REMOVEDIR)
    }
  }

  /// Whether somebody has removed it.
  var isGone: Bool {
    var status = stat()
    return unsafe fstat(descriptor.number, &status) != 0 || status.st_nlink == 0
  }

  // MARK: what is at the path

  struct FileStatus {
    let identity: FileIdentity
    let mode: UInt32
    let owner: UInt32
    let group: UInt32
    var isSocket: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFSOCK) }
    var permissions: UInt32 { mode & 0o7777 }
  }

  private func status(_ name: String) throws(Errno) -> FileStatus? {
    var status = stat()
    let number = descriptor.number
    do throws(Errno) {
      _ = try call { unsafe fstatat(number, name, &status, AT_SYMLINK_NOFOLLOW) }
    } catch {
      if error == .noEntry { return nil }
      throw error
    }
    return FileStatus(
      identity: FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)), mode: status.st_mode,
      owner: status.st_uid, group: status.st_gid)
  }

  /// nil: nothing is there.
  func publicStatus() throws(Errno) -> FileStatus? { try status(outer) }

  func status(of slot: Slot) throws(Errno) -> FileStatus? { try status(slot.rawValue) }

  func existing(_ slot: Slot) throws(Errno) -> FileStatus {
    guard let present = try status(of: slot) else { throw .noEntry }
    return present
  }

  /// The directory that the path is in.
  func parentIdentity() throws(Errno) -> FileIdentity {
    guard let parent = try status("..") else { throw .noEntry }
    return parent.identity
  }

  func matches(base name: [UInt8]) -> Bool { name.elementsEqual(base.utf8) }

  var baseName: [UInt8] { Array(base.utf8) }

  /// An address for connect(2) to whatever socket is at the path now, by way of our descriptor: it may be too long by itself.
  var publicAddress: UnixAddress? { UnixAddress(path: "/proc/self/fd/\(descriptor.number)/\(outer)") }

  // MARK: naming sockets

  /// Binds a new socket to the path's name, where nobody can reach it yet, and gives it its second link.
  func bind(_ socket: borrowing UnixSocket, slot: Slot) throws(Errno) {
    // What an attempt that failed half-way has left.
    remove(inner)
    remove(slot.rawValue)
    if unsafe faccessat(descriptor.number, Self.root, F_OK, 0) != 0 { try makePlaceholders() }
    do throws(Errno) {
      let number = descriptor.number
      let root = OwnedFD(owning: try shim { unsafe cl_open_directory_at(number, Self.root, 0) })
      try socket.bind(to: path, below: root)
    } catch {
      guard let address = fallbackAddress else { throw error }
      try socket.bind(to: address)
    }
    let number = descriptor.number
    _ = try call { unsafe linkat(number, inner, number, slot.rawValue, 0) }
    keepFromBeingTouched(slot)
  }

  /// connect() notes its access in the file (touch_atime) between finding it and entering the queue, and on a file system with
  /// a journal that can wait for the disk: a client would reach the old queue long after the path leads elsewhere. An access
  /// time that is still to come isn't noted (relatime); where each access is, this changes nothing.
  private func keepFromBeingTouched(_ slot: Slot) {
    let endOf2037 = 2_145_916_800
    let times = [timespec(tv_sec: endOf2037, tv_nsec: 0), timespec(tv_sec: 0, tv_nsec: Self.unchanged)]
    _ = unsafe utimensat(descriptor.number, slot.rawValue, times, AT_SYMLINK_NOFOLLOW)
  }

  /// UTIME_OMIT.
  private static let unchanged = (1 << 30) - 2

  /// Where nobody may have a root directory of their own: the socket's name is then that of its file in here.
  private var fallbackAddress: UnixAddress? {
    UnixAddress(path: String(path.dropLast(base.utf8.count)) + ".\(base).torpor/\(inner)")
      ?? UnixAddress(path: "/proc/self/fd/\(descriptor.number)/\(inner)")
  }

  func setPermissions(_ slot: Slot, mode: UInt32, owner: UInt32, group: UInt32) throws(Errno) {
    let number = descriptor.number
    let present = try existing(slot)
    if present.owner != owner || present.group != group {
      _ = try call { unsafe fchownat(number, slot.rawValue, owner, group, AT_SYMLINK_NOFOLLOW) }
    }
    // After the owner: chown(2) clears some bits. A socket's mode has none that matter, but it is read back.
    if present.permissions != mode { _ = try call { unsafe fchmodat(number, slot.rawValue, mode, 0) } }
  }

  /// Puts a socket that was just bound in the path's place, in one step: whoever connects finds the one before or this one.
  func publish() throws(Errno) {
    let number = descriptor.number
    _ = try call { unsafe renameat(number, inner, number, outer) }
  }

  /// Puts a socket in the path's place by its second link, if it isn't there.
  func restore(_ slot: Slot) throws(Errno) {
    let wanted = try existing(slot)
    if try publicStatus()?.identity == wanted.identity { return }
    try link(slot, at: Self.restored)
    let number = descriptor.number
    _ = try call { unsafe renameat(number, Self.restored, number, outer) }
    // rename() does nothing when both are the same file already: somebody else was faster.
    remove(Self.restored)
  }

  private func link(_ slot: Slot, at name: String) throws(Errno) {
    let number = descriptor.number
    remove(name)
    _ = try call { unsafe linkat(number, slot.rawValue, number, name, 0) }
  }

  /// Gives what is at the path a second link again that has lost it.
  func relink(_ slot: Slot) throws(Errno) {
    let number = descriptor.number
    remove(slot.rawValue)
    _ = try call { unsafe linkat(number, outer, number, slot.rawValue, 0) }
  }

  /// Another name for a socket in the path's directory, which must begin with the path's own.
  func linkBeside(_ slot: Slot, suffix: String) throws(Errno) { try link(slot, at: outer + suffix) }

  func removeBeside(suffix: String, if identity: FileIdentity) {
    guard let present = try? status(outer + suffix), present.identity == identity else { return }
    remove(outer + suffix)
  }

  func forget(_ slot: Slot) { remove(slot.rawValue) }

  /// Removes the public name, if it is one of these.
  func unpublish(_ identities: [FileIdentity]) {
    guard let present = try? publicStatus(), identities.contains(present.identity) else { return }
    remove(outer)
  }

  /// For reference only (O_PATH): connect(2) to it by /proc reaches this socket whatever the path means by then.
  func open(_ slot: Slot) throws(Errno) -> OwnedFD {
    let number = descriptor.number
    return try OwnedFD(owning: try shim { unsafe cl_open_reference(number, slot.rawValue) }).kept()
  }
}

/// A file, told from all others that exist at the same time.
public struct FileIdentity: Hashable, Sendable {
  public let device: UInt64
  public let inode: UInt64

  public init(device: UInt64, inode: UInt64) {
    self.device = device
    self.inode = inode
  }
}
