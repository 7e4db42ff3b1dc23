import CLinux
import Glibc

/// A pidfd: one process, and never another that got its number (pidfd_open(2)).
public struct ProcessHandle: ~Copyable {
  public let pid: Int32
  public let descriptor: OwnedFD

  public init(pid: Int32, owning descriptor: consuming OwnedFD) throws(Errno) {
    self.pid = pid
    self.descriptor = try descriptor.kept()
  }

  public init(pid: Int32) throws(Errno) {
    self.pid = pid
    descriptor = try OwnedFD(owning: try shim { cl_pidfd_open(pid, 0) }).kept()
  }

  /// Throws `.noProcess` when it has ended and been reaped.
  public func send(signal: Int32) throws(Errno) {
    try shim { cl_pidfd_send_signal(descriptor.number, signal) }
  }

  /// The file that a thread of some process has at `number` (pidfd_getfd(2); needs the right to trace it).
  public static func file(ofThread thread: Int32, number: Int32) throws(Errno) -> OwnedFD {
    var handle = cl_pidfd_open(thread, UInt32(CL_PIDFD_THREAD))
    if handle == -EINVAL {
      // Before Linux 6.9 only a thread group's leader can be opened. Threads share their descriptors with it.
      handle = cl_pidfd_open(ProcessFiles.threadGroup(of: thread) ?? thread, 0)
    }
    let pidfd = OwnedFD(owning: try shim { handle })
    return OwnedFD(owning: try shim { cl_pidfd_getfd(pidfd.number, number) })
  }
}

/// Children that have ended.
public enum Children {
  /// A child that has ended, with its status as wait(2) gives it; nil when there is none.
  public static func reap() -> (pid: Int32, status: Int32)? {
    var status: Int32 = 0
    let pid = unsafe cl_reap(&status)
    return pid > 0 ? (pid, status) : nil
  }

  /// Orphaned descendants become our children, so that none is lost sight of (PR_SET_CHILD_SUBREAPER).
  public static func adoptOrphans() throws(Errno) {
    try shim { cl_become_subreaper() }
  }
}
