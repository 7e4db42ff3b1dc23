import Glibc
import Linux

/// One of our own standard streams, written without ever waiting for its reader.
///
/// The stream is shared with whoever started us, so it isn't made non-blocking. epoll says when a write of up to
/// PIPE_BUF bytes won't wait (pipe(7)); a regular file never does, and epoll refuses it.
public final class OutputChannel {
  private let descriptor: OwnedFD
  private let loop: EventLoop
  private var token: EventLoop.Token?
  private var queue: [UInt8] = []
  private var isAlwaysReady = false
  private var isBroken = false
  /// The last line that was written has no end.
  private var isInsideLine = false
  /// The rest of it was lost: what comes next begins on a line of its own.
  private var hasTornLine = false
  /// Bytes that were not written, as nobody read.
  public private(set) var droppedBytes = 0
  /// Called when a queue that was full has room again.
  var onRoom: (() -> Void)?

  static let fullBytes = 64 << 10
  static let limitBytes = 1 << 20
  private static let chunkBytes = 4096

  public init(_ number: Int32, loop: EventLoop) throws(Errno) {
    descriptor = try OwnedFD.duplicate(of: number)
    self.loop = loop
  }

  /// Whoever can wait, should, until `onRoom`.
  var isFull: Bool { queue.count >= Self.fullBytes }

  public func write(_ text: String) { write(Array(text.utf8)) }

  func write(_ bytes: [UInt8]) {
    guard !isBroken else { return }
    if queue.count + bytes.count > Self.limitBytes {
      droppedBytes += bytes.count
      return
    }
    if hasTornLine { queue.append(UInt8(ascii: "\n")) }
    hasTornLine = false
    queue += bytes
    if token == nil { flush() }
  }

  private func flush() {
    let wasFull = isFull
    var start = 0
    while start < queue.count, isAlwaysReady || descriptor.isWritableNow() {
      let chunk = Array(queue[start..<min(start + Self.chunkBytes, queue.count)])
      do throws(Errno) {
        start += try descriptor.write(chunk)
        isInsideLine = start > 0 && queue[start - 1] != UInt8(ascii: "\n")
      } catch {
        if error == .again { break }
        // The reader is gone (SIGPIPE is ignored) for good. A disk that is full may have room again: only what we have to say now is lost.
        isBroken = error == Errno(EPIPE)
        droppedBytes += queue.count - start
        start = queue.count
        hasTornLine = isInsideLine
        break
      }
    }
    queue.removeFirst(min(start, queue.count))
    if isBroken { queue = [] }
    waitForRoom()
    if wasFull, !isFull { onRoom?() }
  }

  private func waitForRoom() {
    if queue.isEmpty {
      if let token { loop.remove(token, descriptor) }
      token = nil
    } else if token == nil, !isAlwaysReady {
      do throws(Errno) {
        token = try loop.add(descriptor, for: .writable) { [weak self] _ in self?.flush() }
      } catch {
        isAlwaysReady = true
        flush()
      }
    }
  }

  /// At the end: gives a reader one more second.
  public func finish() {
    let end = MonotonicClock.now() + 1_000_000_000
    while !queue.isEmpty, !isBroken, MonotonicClock.now() < end {
      if isAlwaysReady || descriptor.isWritable(withinMilliseconds: 100) { flush() }
    }
  }
}
