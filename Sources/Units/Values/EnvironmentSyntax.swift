/// Variables: `Environment=`, and environment files.
public enum EnvironmentSyntax {
  /// A variable whose value may have placeholders.
  public struct Assignment: Equatable, Sendable {
    public let name: String
    /// Only literals and placeholders.
    public let value: Template

    public init(name: String, value: Template) {
      self.name = name
      self.value = value
    }
  }

  /// Whether a shell could have such a variable.
  static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, !first.isDigit else { return false }
    return text.utf8.allSatisfy { $0.isDigit || $0.isLetter || $0 == UInt8(ascii: "_") }
  }

  /// "NAME=VALUE", its specifiers expanded.
  static func assignment(_ word: WordReader.Word, specifiers: Specifiers) throws(ValueError) -> Assignment {
    guard let equals = word.text.utf8.firstIndex(of: UInt8(ascii: "=")) else {
      throw ValueError("'\(word.text)' is not NAME=VALUE", at: word.offset)
    }
    let name = String(word.text[..<equals])
    guard isName(name) else { throw ValueError("'\(name)' can't be the name of a variable", at: word.offset) }
    let text = String(word.text[word.text.utf8.index(after: equals)...])
    do throws(ValueError) {
      return Assignment(name: name, value: Template(try specifiers.expand(text, allowsPlaceholders: true)))
    } catch { throw error.moved(by: word.offset + name.utf8.count + 1) }
  }

  /// What an environment file sets, in its order, and what in it can't be read. systemd.exec(5), EnvironmentFile=.
  ///
  /// Comments begin with `#` or `;`, quotes are a shell's, a backslash at the end of a line continues it.
  /// A line that is no assignment is passed over, as systemd does, but told.
  public static func file(_ file: SourceFile) -> (variables: [(name: String, value: String)], problems: [Diagnostic]) {
    var parser = EnvironmentFileParser(file)
    parser.read()
    return (parser.variables, parser.problems)
  }
}

/// The states are systemd's: what follows from them in odd corners does, too.
private struct EnvironmentFileParser {
  private enum State {
    case beforeKey, key, beforeValue, value, valueEscape, singleQuoted, doubleQuoted, doubleQuotedEscape
    case comment, commentEscape
  }

  private let file: SourceFile
  private var state = State.beforeKey
  private var key: [UInt8] = []
  private var value: [UInt8] = []
  /// How much of an unquoted value is kept if it ends here: white space at its end isn't.
  private var kept = 0
  private var keyOffset = 0
  var variables: [(name: String, value: String)] = []
  var problems: [Diagnostic] = []
  /// To find its line costs each one a walk through the file.
  private static let problemsMax = 10

  init(_ file: SourceFile) {
    self.file = file
  }

  mutating func read() {
    for (offset, byte) in file.bytes.enumerated() { take(byte, at: offset) }
    switch state {
    case .beforeKey, .comment, .commentEscape: break
    case .key: reportLine()
    case .singleQuoted, .doubleQuoted, .doubleQuotedEscape:
      tell("a quote of this variable is not closed")
      finish()
    case .beforeValue, .value, .valueEscape: finish()
    }
  }

  private mutating func take(_ byte: UInt8, at offset: Int) {
    let isNewline = byte == .newline || byte == .carriageReturn
    switch state {
    case .beforeKey:
      if byte == UInt8(ascii: "#") || byte == UInt8(ascii: ";") {
        state = .comment
      } else if !byte.isSpace {
        state = .key
        key = [byte]
        keyOffset = offset
      }
    case .key:
      if isNewline {
        reportLine()
        state = .beforeKey
      } else if byte == UInt8(ascii: "=") {
        state = .beforeValue
      } else {
        key.append(byte)
      }
    case .beforeValue:
      if isNewline {
        finish()
      } else if byte == UInt8(ascii: "'") {
        state = .singleQuoted
      } else if byte == UInt8(ascii: "\"") {
        state = .doubleQuoted
      } else if byte == .backslash {
        state = .valueEscape
      } else if !byte.isSpace {
        state = .value
        append(byte)
      }
    case .value:
      if isNewline {
        value.removeLast(value.count - kept)
        finish()
      } else if byte == .backslash {
        state = .valueEscape
      } else if byte.isSpace {
        value.append(byte)
      } else {
        append(byte)
      }
    case .valueEscape:
      state = .value
      // An escaped newline is nothing at all.
      if !isNewline { append(byte) }
    case .singleQuoted:
      if byte == UInt8(ascii: "'") { state = .beforeValue } else { append(byte) }
    case .doubleQuoted:
      if byte == UInt8(ascii: "\"") {
        state = .beforeValue
      } else if byte == .backslash {
        state = .doubleQuotedEscape
      } else {
        append(byte)
      }
    case .doubleQuotedEscape:
      state = .doubleQuoted
      if "\"\\`$".utf8.contains(byte) {
        append(byte)
      } else if !isNewline {
        append(.backslash)
        append(byte)
      }
    case .comment:
      if byte == .backslash { state = .commentEscape } else if isNewline { state = .beforeKey }
    case .commentEscape: state = .comment
    }
  }

  private mutating func append(_ byte: UInt8) {
    value.append(byte)
    kept = value.count
  }

  private mutating func tell(_ problem: String) {
    guard problems.count <= Self.problemsMax else { return }
    let text = problems.count < Self.problemsMax ? problem : "this and what follows is not told any more"
    problems.append(Diagnostic(.warning, in: file, at: keyOffset, text))
  }

  private mutating func reportLine() {
    tell("this line is no NAME=VALUE and is passed over")
    key = []
  }

  private mutating func finish() {
    if state == .value { value.removeLast(value.count - kept) }
    let name = String(decoding: key[...].trimmed, as: UTF8.self)
    if !EnvironmentSyntax.isName(name) {
      let shown = name.utf8.count <= 60 ? name : "\(name.prefix(60))…"
      tell("'\(shown)' can't be the name of a variable; it is passed over")
    } else if value.contains(0) {
      tell("the value of '\(name)' has a NUL byte; it is passed over")
    } else if let text = String(validating: value, as: UTF8.self) {
      variables.append((name, text))
    } else {
      tell("the value of '\(name)' is not UTF-8; it is passed over")
    }
    key = []
    value = []
    kept = 0
    state = .beforeKey
  }
}
