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

  /// Sends a signal to all that `members` tells of. A number may be another's by the time that it is held, so the list is asked
  /// for again then: once for many, as it can be long, and a service of thousands must not keep us for minutes.
  public static func signal(_ signal: Int32, to members: () -> [Int32]) {
    var rest = members()[...]
    while !rest.isEmpty {
      var held: [HeldProcess] = []
      while held.count < 128, let pid = rest.first {
        do throws(Errno) { held.append(HeldProcess(try ProcessHandle(pid: pid))) } catch {
          // These first, then there is room for it.
          if error == .tooManyFiles, !held.isEmpty { break }
        }
        rest.removeFirst()
      }
      let present = Set(members())
      for process in held where present.contains(process.handle.pid) { try? process.handle.send(signal: signal) }
    }
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

/// For a list of handles.
private final class HeldProcess {
  let handle: ProcessHandle
  init(_ handle: consuming ProcessHandle) { self.handle = handle }
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
