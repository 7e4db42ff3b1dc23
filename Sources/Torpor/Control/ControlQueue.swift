/// Bytes that wait for their reader.
struct ControlQueue {
  private(set) var bytes: [UInt8] = []
  /// How many of them are gone.
  private(set) var start = 0

  var count: Int { bytes.count - start }
  var isEmpty: Bool { count == 0 }

  mutating func append(_ more: [UInt8]) {
    if start > 0 {
      bytes.removeFirst(start)
      start = 0
    }
    bytes += more
  }

  mutating func sent(_ count: Int) {
    start += count
    // A long list's memory isn't kept for an idle client.
    if isEmpty { clear() }
  }

  mutating func clear() {
    bytes = []
    start = 0
  }
}
