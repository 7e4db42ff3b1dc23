/// A unit file's text as assignments: systemd.syntax(7), as systemd 252 reads it.
///
/// - Sections in brackets; one that comes twice is one.
/// - `#` and `;` begin a comment line, between the lines of a continued value, too.
/// - A backslash at the end of a line continues it; a space takes the place of both.
/// - UTF-8 without NUL bytes, lines of at most 1 MiB.
public struct UnitSyntax: Sendable {
  public private(set) var entries: [Entry] = []
  public private(set) var diagnostics: [Diagnostic] = []

  /// systemd's LONG_LINE_MAX, of a continued line as a whole.
  public static let lineBytesMax = 1 << 20

  /// A file that isn't a unit file at all needs no message a line.
  static let diagnosticsMax = 100

  private let file: SourceFile
  /// nil: none has begun, or one whose name can't be read.
  private var section: String?
  /// A section header was wrong: one message is enough for all that follows.
  private var isSkipping = false

  /// Reads all of it. What can't be read is in `diagnostics`; the rest is there.
  public init(_ file: SourceFile) {
    self.file = file
    read()
  }

  private mutating func report(_ severity: Diagnostic.Severity = .error, at offset: Int, _ message: String) {
    diagnostics.append(Diagnostic(severity, in: file, at: offset, message))
  }

  private mutating func read() {
    let bytes = file.bytes
    var start = 0
    // A byte order mark, which some editors leave.
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { start = 3 }
    var continued: Continuation?
    while start < bytes.count {
      guard diagnostics.count < Self.diagnosticsMax else {
        return report(at: start, "there are too many errors: the rest of this file is not read")
      }
      let end = bytes[start...].firstIndex(of: .newline) ?? bytes.count
      defer { start = end + 1 }
      var first = start
      var last = end
      while first < last, bytes[first].isSpace { first += 1 }
      if last > first, bytes[last - 1] == .carriageReturn { last -= 1 }
      if first < last, bytes[first] == UInt8(ascii: "#") || bytes[first] == UInt8(ascii: ";") { continue }
      guard isReadable(first..<last) else {
        continued = nil
        continue
      }
      let isContinued = endsWithBackslash(first..<last)
      if isContinued || continued != nil {
        // White space before what a continued line goes on with is part of it, as between quotes it counts.
        let begin = continued == nil ? first : start
        var text = continued ?? Continuation()
        text.append(bytes[begin..<(isContinued ? last - 1 : last)], from: begin)
        guard text.bytes.count <= Self.lineBytesMax else {
          report(at: text.pieces[0].fileOffset, "a continued line is longer than 1 MiB")
          continued = nil
          continue
        }
        if isContinued {
          text.bytes.append(0x20)
          continued = text
        } else {
          continued = nil
          readLine(text.bytes[...], pieces: text.pieces)
        }
      } else {
        readLine(bytes[first..<last], pieces: [])
      }
    }
    if let continued {
      // The file ends where a line should follow.
      readLine(continued.bytes[...], pieces: continued.pieces)
    }
  }

  /// Lines joined so far.
  private struct Continuation {
    var bytes: [UInt8] = []
    var pieces: [Entry.Piece] = []

    mutating func append(_ line: ArraySlice<UInt8>, from offset: Int) {
      pieces.append(Entry.Piece(valueOffset: bytes.count, fileOffset: offset))
      bytes += line
    }
  }

  private mutating func isReadable(_ range: Range<Int>) -> Bool {
    if range.count > Self.lineBytesMax {
      report(at: range.lowerBound, "a line is longer than 1 MiB")
      return false
    }
    let line = file.bytes[range]
    // Nearly every line is ASCII without NUL, and one pass says so.
    guard line.contains(where: { $0 == 0 || $0 >= 0x80 }) else { return true }
    if let zero = line.firstIndex(of: 0) {
      report(at: zero, "a NUL byte is in this line")
      return false
    }
    if String(validating: line, as: UTF8.self) == nil {
      report(at: range.lowerBound, "this line is not UTF-8")
      return false
    }
    return true
  }

  private func endsWithBackslash(_ range: Range<Int>) -> Bool {
    var count = 0
    var index = range.upperBound
    while index > range.lowerBound, file.bytes[index - 1] == .backslash {
      count += 1
      index -= 1
    }
    return count % 2 == 1
  }

  /// A line that is complete. Without pieces, it is a slice of the file.
  private mutating func readLine(_ whole: ArraySlice<UInt8>, pieces: [Entry.Piece]) {
    let line = whole.trimmed
    guard let first = line.first else { return }
    /// Where an index of the line is in the file.
    func place(_ index: Int) -> Int {
      let piece = pieces.last { $0.valueOffset <= index }
      return piece.map { $0.fileOffset + index - $0.valueOffset } ?? index
    }
    if first == UInt8(ascii: "[") { return readHeader(line, at: place(line.startIndex)) }
    if line.starts(with: ".include".utf8) {
      return report(at: place(line.startIndex), "'.include' is no longer supported: use a drop-in directory")
    }
    if isSkipping { return }
    guard let section else {
      isSkipping = true
      return report(at: place(line.startIndex), "this stands before the first section header")
    }
    guard let equals = line.firstIndex(of: UInt8(ascii: "=")) else {
      return report(at: place(line.startIndex), "'=' is missing: a line is KEY=VALUE, a comment or [SECTION]")
    }
    let key = line[..<equals].trimmed
    guard !key.isEmpty else { return report(at: place(equals), "there is no key before '='") }
    let value = line[(equals + 1)...].trimmed
    let valuePieces = pieces.isEmpty ? [] : self.pieces(of: value, in: pieces)
    entries.append(
      Entry(
        section: section, key: String(decoding: key, as: UTF8.self), value: String(decoding: value, as: UTF8.self),
        file: file, keyOffset: place(key.startIndex),
        // An empty value stands right behind its '='.
        valueOffset: value.isEmpty ? place(equals) + 1 : place(value.startIndex), pieces: valuePieces))
  }

  /// The pieces that matter to a value, counted from its own start.
  private func pieces(of value: ArraySlice<UInt8>, in pieces: [Entry.Piece]) -> [Entry.Piece] {
    guard !value.isEmpty else { return [] }
    let start = value.startIndex
    guard let before = pieces.last(where: { $0.valueOffset <= start }) else { return [] }
    var own = [Entry.Piece(valueOffset: 0, fileOffset: before.fileOffset + start - before.valueOffset)]
    for piece in pieces where piece.valueOffset > start && piece.valueOffset <= value.endIndex {
      own.append(Entry.Piece(valueOffset: piece.valueOffset - start, fileOffset: piece.fileOffset))
    }
    return own.count > 1 ? own : []
  }

  private mutating func readHeader(_ line: ArraySlice<UInt8>, at offset: Int) {
    guard line.last == UInt8(ascii: "]"), line.count > 2 else {
      section = nil
      isSkipping = true
      return report(at: offset, "a section header is a name in brackets: [Service]")
    }
    isSkipping = false
    section = String(decoding: line.dropFirst().dropLast(), as: UTF8.self)
  }
}
