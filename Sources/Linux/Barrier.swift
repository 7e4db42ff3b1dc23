import CLinux
import Glibc

/// An RCU grace period as an event. membarrier(2) takes 8–20 ms (measured on two cores), so a child waits for it.
@safe public struct Barrier: ~Copyable {
  /// Readable when the period is over.
  public let descriptor: OwnedFD
  /// The child that waits: none of a service's.
  public let pid: Int32
  private let stack: UnsafeMutableRawPointer

  public init() throws(Errno) {
    var memory: UnsafeMutableRawPointer?
    var pid: Int32 = 0
    let number = try shim { unsafe cl_barrier_start(&memory, &pid) }
    guard let memory = unsafe memory else { throw .noBuffers }
    unsafe stack = memory
    // Not moved to a higher number, which can fail when the table is full: the child must be waited for in any case.
    descriptor = OwnedFD(owning: number)
    self.pid = pid
  }

  /// The same in our own time, where no child can be had. Blocks for one grace period.
  public static func waitHere() { cl_barrier_wait() }

  /// To be called when it is readable. Returns whether the grace period has passed; if not, the child was killed.
  public consuming func finish() -> Bool {
    unsafe cl_helper_finish(descriptor.number, stack) != -ECANCELED
  }
}
