import CLinux
import Glibc

/// The two ends of a pipe.
public struct Pipe: ~Copyable {
  public let reading: OwnedFD
  public let writing: OwnedFD
}

/// Owns one descriptor: closed exactly once.
public struct OwnedFD: ~Copyable, Sendable {
  /// For the calls of this module and for a child's LISTEN_FDS; nobody keeps it.
  public let number: Int32

  public init(owning number: Int32) {
    precondition(number >= 0)
    self.number = number
  }

  deinit { _ = Glibc.close(number) }

  /// The number, for somebody else to close.
  public consuming func release() -> Int32 {
    let number = number
    discard self
    return number
  }

  /// The lowest number that we keep a long-lived descriptor at: a service's 3, 4, … are never in the way of ours.
  public static let lowestKept: Int32 = 100

  /// The same open file under a number of at least `lowestKept`, close-on-exec.
  public consuming func kept() throws(Errno) -> OwnedFD {
    if number >= Self.lowestKept { return self }
    return try Self.duplicate(of: number)
  }

  public borrowing func duplicate() throws(Errno) -> OwnedFD { try Self.duplicate(of: number) }

  /// One of our standard streams, say, under a number of our own.
  public static func duplicate(of number: Int32) throws(Errno) -> OwnedFD {
    do throws(Errno) {
      return OwnedFD(owning: try call { fcntl(number, F_DUPFD_CLOEXEC, Self.lowestKept) })
    } catch {
      // What fcntl says when RLIMIT_NOFILE is below the number asked for.
      throw error == .invalid ? Errno(EMFILE) : error
    }
  }

  /// Whether a write would not wait now (poll(2)).
  public borrowing func isWritableNow() -> Bool { isWritable(withinMilliseconds: 0) }

  /// Whether a read, or an accept, would not wait now.
  public borrowing func isReadableNow() -> Bool {
    var entry = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&entry, 1, 0) == 1
  }

  public borrowing func isWritable(withinMilliseconds limit: Int32) -> Bool {
    var entry = pollfd(fd: number, events: Int16(POLLOUT), revents: 0)
    return unsafe poll(&entry, 1, limit) == 1
  }

  /// What poll(2) says of it now; `.readHangUp` as far as it was shut down for reading.
  public borrowing func readiness() -> Readiness {
    let wanted = Readiness([.readable, .writable, .readHangUp])
    var entry = pollfd(fd: number, events: Int16(truncatingIfNeeded: wanted.rawValue), revents: 0)
    guard unsafe poll(&entry, 1, 0) == 1 else { return [] }
    return Readiness(rawValue: UInt32(UInt16(bitPattern: entry.revents)))
  }

  /// Status flags of the open file, which every duplicate shares, in whatever process (fcntl(2), F_GETFL).
  public borrowing func statusFlags() throws(Errno) -> Int32 {
    let number = number
    return try call { fcntl(number, F_GETFL) }
  }

  public borrowing func setStatusFlags(_ flags: Int32) throws(Errno) {
    let number = number
    _ = try call { fcntl(number, F_SETFL, flags) }
  }

  public borrowing func isNonBlocking() throws(Errno) -> Bool { try statusFlags() & O_NONBLOCK != 0 }

  public borrowing func setNonBlocking(_ isNonBlocking: Bool) throws(Errno) {
    let flags = try statusFlags()
    try setStatusFlags(isNonBlocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK)
  }

  /// The inode, which names a socket in /proc and in sock_diag.
  public borrowing func inode() throws(Errno) -> UInt64 {
    let number = number
    var status = stat()
    _ = try call { unsafe fstat(number, &status) }
    return UInt64(status.st_ino)
  }

  /// The file's permissions, as bind(2) makes a unix socket's own file from them.
  public borrowing func mode() throws(Errno) -> UInt32 {
    let number = number
    var status = stat()
    _ = try call { unsafe fstat(number, &status) }
    return status.st_mode & 0o7777
  }

  /// What tells the file from all others.
  public borrowing func identity() throws(Errno) -> FileIdentity {
    let number = number
    var status = stat()
    _ = try call { unsafe fstat(number, &status) }
    return FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }

  /// The same as the kernel knows it, without asking the file system, which may be a process of somebody else's (FUSE).
  public borrowing func knownIdentity() -> FileIdentity? {
    var (device, inode): (UInt64, UInt64) = (0, 0)
    guard unsafe cl_file_identity(number, &device, &inode) == 0 else { return nil }
    return FileIdentity(device: device, inode: inode)
  }

  /// Reads what is there. 0 bytes: end of file. Throws `.again` when a non-blocking file has nothing.
  public borrowing func read(into buffer: inout [UInt8]) throws(Errno) -> Int {
    let number = number
    let count = buffer.count
    return try call { unsafe Glibc.read(number, &buffer, count) }
  }

  /// Writes as much of `bytes` as goes, from `start` on. Returns how much went.
  public borrowing func write(_ bytes: [UInt8], from start: Int = 0) throws(Errno) -> Int {
    let number = number
    return try call {
      unsafe bytes.withUnsafeBytes { buffer in
        guard let base = buffer.baseAddress else { return 0 }
        return unsafe Glibc.write(number, base + start, buffer.count - start)
      }
    }
  }

  /// Both ends of a pipe, close-on-exec. The reading end doesn't block.
  public static func pipe() throws(Errno) -> Pipe {
    var numbers: (Int32, Int32) = (-1, -1)
    try shim { unsafe cl_pipe(&numbers.0, &numbers.1, 1) }
    let reading = OwnedFD(owning: numbers.0)
    let writing = OwnedFD(owning: numbers.1)
    let pipe = Pipe(reading: try reading.kept(), writing: try writing.kept())
    try pipe.reading.setNonBlocking(true)
    return pipe
  }

  /// /dev/null, for a service's standard input.
  public static func null() throws(Errno) -> OwnedFD {
    try OwnedFD(owning: try call { unsafe open("/dev/null", O_RDWR | O_CLOEXEC) }).kept()
  }
}
