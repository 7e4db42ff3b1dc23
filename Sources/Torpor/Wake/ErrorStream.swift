import Linux

/// A service's stderr on its way to ours: passed on as it comes, and its last line kept for the day it fails.
final class ErrorStream {
  private let reading: OwnedFD
  private let channel: OutputChannel
  private let loop: EventLoop
  private var token: EventLoop.Token?
  private var line: [UInt8] = []
  private var last: [UInt8] = []
  /// Longer lines are cut in what we keep, not in what we pass on.
  private static let lineBytes = 400

  init(_ reading: consuming OwnedFD, to channel: OutputChannel, loop: EventLoop) throws(Errno) {
    self.reading = reading
    self.channel = channel
    self.loop = loop
    token = try loop.add(self.reading, for: .readable) { [weak self] _ in self?.pass() }
  }

  /// The last line that said anything; nil when there was none.
  var lastLine: String? {
    let bytes = line.isEmpty ? last : line
    // Control characters would be ours to a terminal.
    let text = String(decoding: bytes, as: UTF8.self).filter { !$0.isNewline && $0 != "\u{1b}" && $0 != "\0" }
    return text.isEmpty ? nil : text
  }

  private func pass() {
    var buffer = [UInt8](repeating: 0, count: 16384)
    do throws(Errno) {
      let count = try reading.read(into: &buffer)
      guard count > 0 else { return close() }
      keep(buffer[..<count])
      channel.write(Array(buffer[..<count]))
      if channel.isFull, let token { loop.change(token, reading, to: []) }
    } catch { if error != .again { close() } }
  }

  /// The channel has room again.
  func resume() {
    if let token { loop.change(token, reading, to: .readable) }
  }

  private func keep(_ bytes: ArraySlice<UInt8>) {
    for byte in bytes {
      if byte == UInt8(ascii: "\n") {
        if !line.isEmpty { last = line }
        line = []
      } else if line.count < Self.lineBytes {
        line.append(byte)
      }
    }
  }

  /// Takes what is in the pipe, 64 KiB at most (its usual size).
  func drain() {
    for _ in 0..<4 where token != nil { pass() }
  }

  /// The same, and ends.
  func drainAndClose() {
    drain()
    close()
  }

  private func close() {
    if let token { loop.remove(token, reading) }
    token = nil
  }
}
