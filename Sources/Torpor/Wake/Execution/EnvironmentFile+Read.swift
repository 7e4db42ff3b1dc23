import Linux

extension EnvironmentFile {
  /// "NAME=VALUE", in their order. Throws a sentence that names the file.
  func read() throws(LaunchFailure) -> [String] {
    let paths = RegularFile.matching(path)
    guard !paths.isEmpty else {
      if mayBeMissing { return [] }
      throw LaunchFailure("no environment file matches '\(path)'")
    }
    var variables: [String] = []
    for path in paths {
      do throws(Errno) { variables += Self.parse(try RegularFile.contents(of: path)) } catch {
        if mayBeMissing, error == .noEntry { continue }
        let reason = error == .invalid ? "it is no regular file" : "\(error)"
        throw LaunchFailure("cannot read the environment file '\(path)': \(reason)")
      }
    }
    return variables
  }

  /// As systemd reads them (env-file.c): comments, quotes of both kinds, a line continued by a backslash. What is no variable is
  /// passed over.
  static func parse(_ bytes: [UInt8]) -> [String] {
    var parser = Parser()
    for byte in bytes { parser.take(byte) }
    parser.end()
    return parser.variables
  }

  private struct Parser {
    private enum State {
      case beforeKey, key, beforeValue, value, valueEscape, single, double, doubleEscape, comment, commentEscape
    }
    private(set) var variables: [String] = []
    private var state = State.beforeKey
    private var key: [UInt8] = []
    private var value: [UInt8] = []
    /// How much of the value stays when white space at its end is taken away.
    private var keptCount = 0

    mutating func take(_ byte: UInt8) {
      let isEnd = byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
      let isSpace = isEnd || byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
      switch state {
      case .beforeKey:
        if byte == UInt8(ascii: "#") || byte == UInt8(ascii: ";") {
          state = .comment
        } else if !isSpace {
          state = .key
          key = [byte]
        }
      case .key:
        if isEnd {
          state = .beforeKey
        } else if byte == UInt8(ascii: "=") {
          state = .beforeValue
          value = []
          keptCount = 0
        } else {
          key.append(byte)
        }
      case .beforeValue, .value: takeOfValue(byte, isEnd: isEnd, isSpace: isSpace)
      case .valueEscape:
        state = .value
        if !isEnd { keep(byte) }
      case .single:
        if byte == UInt8(ascii: "'") { state = .beforeValue } else { keep(byte) }
      case .double:
        switch byte {
        case UInt8(ascii: "\""): state = .beforeValue
        case UInt8(ascii: "\\"): state = .doubleEscape
        default: keep(byte)
        }
      case .doubleEscape:
        state = .double
        if "\"\\`$".utf8.contains(byte) {
          keep(byte)
        } else if byte != UInt8(ascii: "\n") {
          keep(UInt8(ascii: "\\"))
          keep(byte)
        }
      case .comment:
        if byte == UInt8(ascii: "\\") { state = .commentEscape } else if isEnd { state = .beforeKey }
      case .commentEscape: state = .comment
      }
    }

    /// A variable whose quote isn't closed, or whose last line is continued by none, is one.
    mutating func end() {
      switch state {
      case .beforeKey, .key, .comment, .commentEscape: break
      case .beforeValue, .value, .valueEscape, .single, .double, .doubleEscape: finish()
      }
    }

    private mutating func takeOfValue(_ byte: UInt8, isEnd: Bool, isSpace: Bool) {
      if isEnd {
        finish()
      } else if state == .beforeValue, byte == UInt8(ascii: "'") {
        state = .single
      } else if state == .beforeValue, byte == UInt8(ascii: "\"") {
        state = .double
      } else if byte == UInt8(ascii: "\\") {
        state = .valueEscape
      } else if state == .value || !isSpace {
        state = .value
        value.append(byte)
        if !isSpace { keptCount = value.count }
      }
    }

    private mutating func keep(_ byte: UInt8) {
      value.append(byte)
      keptCount = value.count
    }

    private mutating func finish() {
      state = .beforeKey
      while let last = key.last, last == UInt8(ascii: " ") || last == UInt8(ascii: "\t") { key.removeLast() }
      guard let name = String(validating: key, as: UTF8.self), isName(name),
        let text = String(validating: value[..<keptCount], as: UTF8.self), !text.utf8.contains(0)
      else { return }
      variables.append("\(name)=\(text)")
    }

    private func isName(_ text: String) -> Bool {
      guard let first = text.utf8.first, !(48...57).contains(first) else { return false }
      return text.utf8.allSatisfy { byte in
        byte == 95 || (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
      }
    }
  }
}
