import Foundation

/// Reads a pipe to its end on a thread of its own, so that its writer never waits for us, and hands out its lines.
final class LineCollector: @unchecked Sendable {
  private let condition = NSCondition()
  private var lines: [String] = []
  private var hasEnded = false
  private var observer: (@Sendable (String) -> Void)?

  /// Takes over the descriptor.
  init(reading descriptor: Int32) {
    Thread.detachNewThread { [self] in
      collect(descriptor)
      close(descriptor)
    }
  }

  var all: [String] { condition.withLock { lines } }
  var text: String { all.joined(separator: "\n") }

  /// Calls on the reading thread for each line from now on, before anybody else gets it.
  func observe(_ observer: @escaping @Sendable (String) -> Void) {
    condition.withLock { self.observer = observer }
  }

  enum Next {
    case line(String)
    case ended
    case timedOut
  }

  /// The line with this number, from 0, once it is there.
  func line(number: Int, by deadline: Deadline) -> Next {
    condition.withLock {
      while lines.count <= number {
        if hasEnded { return .ended }
        if !condition.wait(until: deadline.date), lines.count <= number { return hasEnded ? .ended : .timedOut }
      }
      return .line(lines[number])
    }
  }

  /// Waits for a line that contains this text, among those already there too.
  func contains(_ text: String, within duration: Duration) -> Bool {
    let deadline = Deadline(after: duration)
    var number = 0
    while case .line(let line) = line(number: number, by: deadline) {
      if line.contains(text) { return true }
      number += 1
    }
    return false
  }

  /// Waits until every writer has closed the pipe.
  func waitForEnd(within duration: Duration) -> Bool {
    let deadline = Deadline(after: duration)
    return condition.withLock {
      while !hasEnded { if !condition.wait(until: deadline.date) { return hasEnded } }
      return true
    }
  }

  private func collect(_ descriptor: Int32) {
    var pending: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      pending.append(contentsOf: buffer[..<count])
      var parts = pending.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      pending = Array(parts.removeLast())
      add(parts.map { String(decoding: $0, as: UTF8.self) }, isLast: false)
    }
    add(pending.isEmpty ? [] : [String(decoding: pending, as: UTF8.self)], isLast: true)
  }

  private func add(_ new: [String], isLast: Bool) {
    if let observer = condition.withLock({ observer }) { new.forEach(observer) }
    condition.withLock {
      lines += new
      hasEnded = isLast
      condition.broadcast()
    }
  }
}
