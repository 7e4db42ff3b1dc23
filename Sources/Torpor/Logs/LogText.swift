/// Lines of what a service wrote, fit to be shown: whatever it wrote, it gives no commands to a terminal.
enum LogText {
  /// Longer lines are cut.
  static let lineBytesMax = 400

  /// The last `count` lines that say anything, the oldest first. `startsInside`: the first line has begun before `bytes`.
  static func lastLines(_ count: Int, of bytes: [UInt8], startsInside: Bool) -> [String] {
    var lines: [String] = []
    var end = bytes.count
    while lines.count < count, end > 0 {
      let newline = bytes[..<end].lastIndex(of: UInt8(ascii: "\n"))
      let start = newline.map { $0 + 1 } ?? 0
      // Better a part of a line than nothing.
      if newline != nil || !startsInside || lines.isEmpty {
        let line = clean(bytes[start..<end])
        if !line.isEmpty { lines.append(line) }
      }
      end = newline ?? 0
    }
    return lines.reversed()
  }

  /// Without control characters, and without what UTF-8 can't be. Where a file has a hole there are zeros.
  static func clean(_ bytes: ArraySlice<UInt8>) -> String {
    var bytes = bytes.drop { $0 == 0 }
    if bytes.count > lineBytesMax {
      // Not in the middle of a character: back to where the one begins that is the first to be left out.
      var end = bytes.startIndex + lineBytesMax
      while end > bytes.startIndex, bytes[end] & 0xC0 == 0x80 { end -= 1 }
      bytes = bytes[..<end]
    }
    return clean(String(decoding: bytes, as: UTF8.self), limit: lineBytesMax)
  }

  /// The same of a text of ours: at most `limit` bytes of it.
  static func clean(_ text: String, limit: Int) -> String {
    var result = String.UnicodeScalarView()
    var count = 0
    for scalar in text.unicodeScalars.drop(while: { isControl($0) || $0 == " " }) {
      if isControl(scalar), scalar != "\t" { continue }
      count += UTF8.width(scalar)
      if count > limit { break }
      result.append(scalar == "\t" ? " " : scalar)
    }
    while result.last == " " { result.removeLast() }
    return String(result)
  }

  /// C0, DEL, C1, and the marks that turn the direction of what follows.
  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F...0x9F, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true
    default: false
    }
  }
}
