/// Takes a value apart into words, as systemd's extract_first_word does.
struct WordReader {
  struct Word: Equatable {
    /// Quotes are gone and escapes are decoded.
    let text: String
    /// Where it begins in the value.
    let offset: Int
  }

  /// How much of a shell's language a value knows.
  enum Quoting {
    /// Words end at white space; nothing else is special.
    case none
    /// Quotes and C's escapes.
    case full
    /// The same, and what can't be read is kept as it is: for the contents of variables.
    case relaxed
  }

  private let bytes: [UInt8]
  private let quoting: Quoting
  /// The next byte to read.
  private(set) var index = 0
  /// Escape sequences that nobody knows and that were kept as they stand: offsets.
  private(set) var unknownEscapes: [Int] = []

  init(_ value: String, quoting: Quoting = .full) {
    bytes = Array(value.utf8)
    self.quoting = quoting
  }

  /// All words.
  static func words(_ value: String, quoting: Quoting = .full) throws(ValueError) -> [Word] {
    var reader = WordReader(value, quoting: quoting)
    var words: [Word] = []
    while let word = try reader.next() { words.append(word) }
    return words
  }

  private mutating func skipSpace() {
    while index < bytes.count, bytes[index].isSpace { index += 1 }
  }

  /// A `;` that stands alone and isn't quoted: the end of a command. Taken if it is there.
  mutating func takeSeparator() -> Bool {
    skipSpace()
    guard index < bytes.count, bytes[index] == UInt8(ascii: ";"), endsWord(index + 1) else { return false }
    index += 1
    return true
  }

  /// `\;` alone: a semicolon that is an argument. Taken if it is there.
  mutating func takeEscapedSeparator() -> Int? {
    skipSpace()
    guard index + 1 < bytes.count, bytes[index] == .backslash, bytes[index + 1] == UInt8(ascii: ";"),
      endsWord(index + 2)
    else { return nil }
    defer { index += 2 }
    return index
  }

  private func endsWord(_ index: Int) -> Bool { index >= bytes.count || bytes[index].isSpace }

  /// The next word; nil: there is none.
  mutating func next() throws(ValueError) -> Word? {
    skipSpace()
    guard index < bytes.count else { return nil }
    let start = index
    guard quoting != .none else {
      while index < bytes.count, !bytes[index].isSpace { index += 1 }
      return Word(text: String(decoding: bytes[start..<index], as: UTF8.self), offset: start)
    }
    var word: [UInt8] = []
    var quote: (mark: UInt8, offset: Int)?
    while index < bytes.count {
      let byte = bytes[index]
      if byte == .backslash {
        readEscape(into: &word)
      } else if let open = quote {
        index += 1
        if byte == open.mark { quote = nil } else { word.append(byte) }
      } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
        quote = (byte, index)
        index += 1
      } else if byte.isSpace {
        break
      } else {
        word.append(byte)
        index += 1
      }
    }
    if let quote, quoting == .full { throw ValueError("a quote is not closed", at: quote.offset) }
    guard let text = String(validating: word, as: UTF8.self) else {
      throw ValueError("a word is not UTF-8 once its escapes are decoded", at: start)
    }
    return Word(text: text, offset: start)
  }

  private mutating func readEscape(into word: inout [UInt8]) {
    let rest = bytes[(index + 1)...]
    if quoting == .relaxed {
      // As for a shell's word: the next byte is itself.
      if let byte = rest.first { word.append(byte) }
      index += min(2, 1 + rest.count)
    } else if let escape = Escapes.decode(rest) {
      word += escape.bytes
      index += 1 + escape.count
    } else {
      unknownEscapes.append(index)
      word.append(.backslash)
      if let byte = rest.first { word.append(byte) }
      index += min(2, 1 + rest.count)
    }
  }
}
