import Glibc
import Linux

/// Gives the memory of frozen processes back, a few megabytes in each turn of the loop, where there is swap for it to go to.
///
/// Only what a process has for itself: what it shares, and what is a file's, the kernel takes by itself when it needs it.
final class MemoryRelease {
  private let loop: EventLoop
  private var pids: [Int32] = []
  private var process: ProcessHandleBox?
  private var ranges: [PrivateMemory] = []
  private var sliceBytes = firstSliceBytes
  private var generation = 0
  private var before: UInt64 = 0
  private var measure: (() -> UInt64)?
  private var onEnd: ((UInt64) -> Void)?
  /// Why nothing could be given back; nil: nothing was in the way.
  private(set) var obstacle: String?

  private static let firstSliceBytes: UInt64 = 1 << 20
  /// A page of any machine.
  private static let shortestSliceBytes: UInt64 = 1 << 16
  private static let longestSliceBytes: UInt64 = 64 << 20
  /// How long the loop may be kept by one slice, as far as it can be foreseen.
  private static let sliceTime: UInt64 = 5_000_000

  private final class ProcessHandleBox {
    let handle: ProcessHandle
    init(_ pid: Int32) throws(Errno) { handle = try ProcessHandle(pid: pid) }
  }

  init(loop: EventLoop) { self.loop = loop }

  /// `measure`: what they use, in bytes. `onEnd` is told how much less that is at the end, unless it is stopped before.
  func begin(_ pids: [Int32], measure: @escaping () -> UInt64, onEnd: @escaping (UInt64) -> Void) {
    stop()
    obstacle = nil
    guard PrivateMemory.canBeTaken else { return obstacle = "there is no swap that its memory could go to" }
    self.pids = pids
    self.measure = measure
    self.onEnd = onEnd
    before = measure()
    goOn()
  }

  func stop() {
    generation += 1
    pids = []
    process = nil
    ranges = []
    measure = nil
    onEnd = nil
    sliceBytes = Self.firstSliceBytes
  }

  private func goOn() {
    loop.afterThisTurn { [weak self, generation] in if self?.generation == generation { self?.slice() } }
  }

  private func slice() {
    guard let range = ranges.last, let process else {
      guard let pid = pids.popLast() else { return end() }
      process = try? ProcessHandleBox(pid)
      ranges = process == nil ? [] : PrivateMemory.of(pid).reversed()
      return goOn()
    }
    let bytes = min(range.bytes, sliceBytes)
    let begin = MonotonicClock.now()
    var done = bytes
    do throws(Errno) {
      let count = try process.handle.pageOut(address: range.address, bytes: bytes)
      if count > 0 { done = min(bytes, count) }
    } catch {
      // What is locked in memory stays there (EINVAL), and one that has been killed has none.
      if error == .notPermitted || error == Errno(ENOSYS) {
        obstacle = "its memory can't be given back (process_madvise): \(error)"
        return stop()
      }
    }
    let time = MonotonicClock.now() - begin
    if time > Self.sliceTime { sliceBytes = max(Self.shortestSliceBytes, sliceBytes / 2) }
    if time < Self.sliceTime / 4 { sliceBytes = min(Self.longestSliceBytes, sliceBytes * 2) }
    ranges.removeLast()
    if done < range.bytes {
      ranges.append(PrivateMemory(address: range.address + done, bytes: range.bytes - done))
    }
    goOn()
  }

  private func end() {
    let after = measure?() ?? before
    let tell = onEnd
    stop()
    tell?(before > after ? before - after : 0)
  }
}
