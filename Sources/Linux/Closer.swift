import CLinux
import Glibc

/// Closes descriptors whose files are others' without waiting for it: a child that shares our table does.
///
/// close(2) can wait: the last one of a TCP socket until its data has arrived (SO_LINGER), any one of a file in a file system that
/// is a process (FUSE). Whoever sends us a descriptor, or lets us take one, decides which. systemd has its asynchronous_close()
/// for the same reason.
@safe public struct Closer: ~Copyable {
  /// Readable when they are closed.
  public let descriptor: OwnedFD
  /// The child: none of a service's.
  public let pid: Int32
  private let stack: UnsafeMutableRawPointer

  /// What one child can take.
  public static let numbersMax = Int(CL_CLOSE_MAX)

  /// Takes over `numbers`, of which there are 1 to `numbersMax`. When it throws, they still are the caller's.
  public init(closing numbers: [Int32]) throws(Errno) {
    var memory: UnsafeMutableRawPointer?
    var pid: Int32 = 0
    let number = try shim { unsafe cl_close_start(numbers, Int32(numbers.count), &memory, &pid) }
    guard let memory = unsafe memory else { throw .noBuffers }
    unsafe stack = memory
    // Not moved to a higher number, which can fail when the table is full: the child must be waited for in any case.
    descriptor = OwnedFD(owning: number)
    self.pid = pid
  }

  /// Kills one that waits: what it waits for is given up, and that descriptor is closed nonetheless.
  public func kill() { _ = cl_pidfd_send_signal(descriptor.number, SIGKILL) }

  /// To be called when it is readable. Returns how many it has closed: the first of them, all unless it was killed.
  public consuming func finish() -> Int {
    // Asked when it can't change any more, and before the memory goes.
    let begun = unsafe cl_close_begun(stack)
    _ = unsafe cl_helper_finish(descriptor.number, stack)
    return Int(begun)
  }
}
