import Glibc

/// A unix stream socket that listens at a path for clients of our own.
///
/// It is bound at another name beside the path and renamed over it, so that whoever connects finds either nobody or a
/// socket that listens, with its permissions.
public struct PathListener: ~Copyable {
  public enum Refusal: Error, Equatable, Sendable {
    /// It is too long for a socket's address, or not an absolute path.
    case malformed
    /// Somebody listens there.
    case living
    /// Something that is no socket is there.
    case notASocket
    case failed(Errno)
  }

  public let path: String
  public let socket: UnixSocket
  private let identity: FileIdentity

  private init(path: String, socket: consuming UnixSocket, identity: FileIdentity) {
    self.path = path
    self.socket = socket
    self.identity = identity
  }

  /// Listens at `path`, unless somebody does already.
  ///
  /// - Parameters:
  ///   - mode: who may connect (connect(2) asks for write permission).
  ///   - parentMode: of directories that are missing.
  public static func listen(
    at path: String, mode: UInt32, parentMode: UInt32 = 0o755, backlog: Int32 = 128
  ) throws(Refusal) -> PathListener {
    let slash = path.lastIndex(of: "/") ?? path.startIndex
    let base = path[slash...].dropFirst()
    let temporary = path[...slash] + ".\(base).\(getpid())"
    guard path.hasPrefix("/"), !base.isEmpty, let address = UnixAddress(path: path),
      let temporaryAddress = UnixAddress(path: String(temporary))
    else { throw .malformed }
    try checkIsFree(path, address)
    do throws(Errno) {
      try SocketDirectory.makeDirectories(String(path[..<slash]), mode: parentMode)
      let socket = try UnixSocket(.stream)
      let identity = try publish(socket, at: path, by: temporaryAddress, mode: mode, backlog: backlog)
      return PathListener(path: path, socket: socket, identity: identity)
    } catch { throw .failed(error) }
  }

  private static func publish(
    _ socket: borrowing UnixSocket, at path: String, by temporary: UnixAddress, mode: UInt32, backlog: Int32
  ) throws(Errno) -> FileIdentity {
    let name = temporary.description
    // From an earlier process of our number.
    _ = unsafe unlink(name)
    let number = socket.descriptor.number
    // bind(2) makes the file with these permissions, less the umask: there is no moment at which it has more.
    _ = try call { fchmod(number, mode) }
    try socket.bind(to: temporary)
    do throws(Errno) {
      _ = try call { unsafe chmod(name, mode) }
      try socket.listen(backlog: backlog)
      let identity = try identity(name)
      _ = try call { unsafe rename(name, path) }
      return identity
    } catch {
      _ = unsafe unlink(name)
      throw error
    }
  }

  /// A server that lives is asked, and not its file: what a dead one has left looks the same.
  private static func checkIsFree(_ path: String, _ address: UnixAddress) throws(Refusal) {
    var status = stat()
    guard unsafe lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket }
    do throws(Errno) {
      let probe = try UnixSocket(.stream)
      try probe.connect(to: address)
      throw Errno(EISCONN)
    } catch {
      switch error.code {
      case ECONNREFUSED, ENOENT: return
      // EAGAIN: its queue is full.
      case EISCONN, EAGAIN: throw .living
      case EPROTOTYPE: throw .notASocket
      default: throw .failed(error)
      }
    }
  }

  private static func identity(_ path: String) throws(Errno) -> FileIdentity {
    var status = stat()
    _ = try call { unsafe lstat(path, &status) }
    return FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }

  /// Removes the path, unless it is somebody else's by now. Who waits in the queue is refused when the socket is closed.
  public func remove() {
    guard let present = try? Self.identity(path), present == identity else { return }
    _ = unsafe unlink(path)
  }
}
