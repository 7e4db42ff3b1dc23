import Linux

/// Lines of a file that is larger than what is to be held of it at once.
enum LineReader {
  static let blockBytes = 1 << 16

  /// Calls `body` with each complete line, without its end, and its number. Lines of more than a block come empty. Returns where the
  /// last complete line ends: what follows is torn.
  static func forward(
    _ file: borrowing OwnedFD, _ body: (ArraySlice<UInt8>, _ number: Int) -> Void
  ) throws(Errno) -> Int {
    var (offset, end, number) = (0, 0, 0)
    var line: [UInt8] = []
    var isTooLong = false
    while true {
      let block = try file.read(blockBytes, at: offset)
      if block.isEmpty { return end }
      var start = 0
      while let newline = block[start...].firstIndex(of: UInt8(ascii: "\n")) {
        number += 1
        if isTooLong || line.count + newline - start > blockBytes {
          body([], number)
        } else if line.isEmpty {
          body(block[start..<newline], number)
        } else {
          line += block[start..<newline]
          body(line[...], number)
        }
        line = []
        isTooLong = false
        start = newline + 1
        end = offset + start
      }
      isTooLong = isTooLong || line.count + block.count - start > blockBytes
      if isTooLong { line = [] } else { line += block[start...] }
      offset += block.count
    }
  }

  /// Where the last complete line of a file ends.
  static func end(_ file: borrowing OwnedFD, size: Int) throws(Errno) -> Int {
    var offset = size
    while offset > 0 {
      let count = min(blockBytes, offset)
      let block = try file.read(count, at: offset - count)
      if let newline = block.lastIndex(of: UInt8(ascii: "\n")) { return offset - count + newline + 1 }
      offset -= count
    }
    return 0
  }

  /// The same from the end, until `body` returns false. What follows the last line end is left out.
  static func backward(_ file: borrowing OwnedFD, _ body: (ArraySlice<UInt8>) -> Bool) throws(Errno) {
    var offset = try file.status().sizeBytes
    /// What a line that begins in an earlier block ends with; nil before the first line end is found.
    var rest: [UInt8]?
    while offset > 0 {
      let count = min(blockBytes, offset)
      offset -= count
      let block = try file.read(count, at: offset)
      // It was cut meanwhile.
      guard block.count == count else { return }
      var end = block.count
      while let newline = block[..<end].lastIndex(of: UInt8(ascii: "\n")) {
        if let tail = rest, !body((block[(newline + 1)..<end] + tail)[...]) { return }
        rest = []
        end = newline
      }
      if let tail = rest {
        // A line of more than a block is none of ours: it isn't gathered.
        rest = tail.count > blockBytes ? [] : Array(block[..<end]) + tail
      }
    }
    if let rest, !rest.isEmpty { _ = body(rest[...]) }
  }
}
