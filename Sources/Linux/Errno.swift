import Glibc

/// What the kernel said: the only error that this module throws.
public struct Errno: Error, Hashable, Sendable, CustomStringConvertible {
  /// As in errno(3).
  public let code: Int32

  public init(_ code: Int32) { self.code = code }

  /// There is too little of something at this moment, processes, memory or descriptors, and may be more at the next.
  public var isShortage: Bool { [EAGAIN, ENOMEM, EMFILE, ENFILE, ENOBUFS, ETOOMANYREFS].contains(code) }

  /// The C library's words: "Permission denied".
  public var description: String { unsafe String(cString: strerror(code)) }

  public static let again = Errno(EAGAIN)
  public static let interrupted = Errno(EINTR)
  public static let noBuffers = Errno(ENOBUFS)
  public static let noEntry = Errno(ENOENT)
  public static let inUse = Errno(EADDRINUSE)
  public static let inProgress = Errno(EINPROGRESS)
  public static let accessDenied = Errno(EACCES)
  public static let notPermitted = Errno(EPERM)
  public static let busy = Errno(EBUSY)
  public static let invalid = Errno(EINVAL)
  public static let noProcess = Errno(ESRCH)
  public static let noFamily = Errno(EAFNOSUPPORT)
  public static let badDescriptor = Errno(EBADF)
  public static let tooManyFiles = Errno(EMFILE)
  public static let timedOut = Errno(ETIMEDOUT)
  public static let notAvailable = Errno(EADDRNOTAVAIL)
  public static let notSupported = Errno(EOPNOTSUPP)
  public static let exists = Errno(EEXIST)
  public static let noSpace = Errno(ENOSPC)
  public static let refused = Errno(ECONNREFUSED)
}

/// A call that returns -1 and sets errno becomes a typed throw. Interrupted calls are made again.
/// A bad descriptor or a bad pointer is a mistake of ours, not of the world: it ends the program.
@inline(__always)
func call<Result: FixedWidthInteger>(_ body: () -> Result) throws(Errno) -> Result {
  while true {
    let result = body()
    if result != -1 { return result }
    let code = errno
    if code == EINTR { continue }
    precondition(code != EBADF && code != EFAULT, "a system call was given a descriptor or pointer that isn't one")
    throw Errno(code)
  }
}

/// The same for the C shims, which return -errno.
@inline(__always) @discardableResult
func shim<Result: FixedWidthInteger & SignedInteger>(_ body: () -> Result) throws(Errno) -> Result {
  while true {
    let result = body()
    if result >= 0 { return result }
    if result == -Result(EINTR) { continue }
    throw Errno(Int32(-result))
  }
}
