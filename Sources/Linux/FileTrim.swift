import CLinux
import Glibc

/// Takes the oldest part out of a file that others append to, in a child, as it can wait for the disk.
///
/// Not a byte of what they append is lost: the kernel takes the file's own lock for it. Where the file system can't move what
/// follows to the front (tmpfs, btrfs), a hole is left: the file's size stays what it was, and its blocks are free.
@safe public struct FileTrim: ~Copyable {
  /// Readable when it is done.
  public let descriptor: OwnedFD
  /// The child: none of a service's.
  public let pid: Int32
  /// Kept open for the child, which shares our table.
  private let file: OwnedFD
  private let stack: UnsafeMutableRawPointer

  public enum End: Equatable, Sendable { case moved, punched, failed }

  /// A multiple of every usual block size: what is cut out has to be whole blocks.
  public static let unitBytes = 65536

  /// Takes out the first `bytes`, rounded down to whole units. `file` is open for writing.
  public init(_ file: consuming OwnedFD, first bytes: Int) throws(Errno) {
    var memory: UnsafeMutableRawPointer?
    var pid: Int32 = 0
    let length = Int64(bytes / Self.unitBytes * Self.unitBytes)
    guard length > 0 else { throw .invalid }
    let source = file.number
    let number = try shim { unsafe cl_trim_start(source, length, &memory, &pid) }
    guard let memory = unsafe memory else { throw .noBuffers }
    unsafe stack = memory
    // Not moved to a higher number, which can fail when the table is full: the child must be waited for in any case.
    descriptor = OwnedFD(owning: number)
    self.pid = pid
    self.file = file
  }

  /// To be called when it is readable.
  public consuming func finish() -> End {
    switch unsafe cl_helper_finish(descriptor.number, stack) {
    case 0: .moved
    case 1: .punched
    default: .failed
    }
  }
}
