extension InterfaceDescription {
  /// A description that isn't one, and where: lines and columns from 1.
  public struct Malformed: Error, Equatable, Sendable, CustomStringConvertible {
    public let line: Int
    public let column: Int
    public let reason: String

    public var description: String { "\(line):\(column): \(reason)" }
  }

  public init(parsing text: String) throws(Malformed) {
    var parser = InterfaceParser(text)
    self = try parser.parse()
  }
}

/// Reads the words of a description one after another.
private struct InterfaceParser {
  private typealias Malformed = InterfaceDescription.Malformed
  private typealias Field = InterfaceDescription.Field
  private typealias ValueType = InterfaceDescription.ValueType

  private struct Word {
    let text: String
    let line: Int
    let column: Int
  }

  /// Types within types: our own have three.
  private static let depthMax = 16

  private var words: [Word] = []
  private var next = 0
  private var end = (line: 1, column: 1)

  init(_ text: String) {
    for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      read(line, number: number + 1)
      end = (number + 1, line.count + 1)
    }
  }

  private mutating func read(_ line: Substring, number: Int) {
    var rest = line
    var column = 1
    while let first = rest.first, first != "#" {
      var word = rest.prefix { Self.isPartOfName($0) }
      if word.isEmpty || rest.hasPrefix("->") { word = rest.prefix(rest.hasPrefix("->") ? 2 : 1) }
      if !first.isWhitespace { words.append(Word(text: String(word), line: number, column: column)) }
      rest = rest[word.endIndex...]
      column += word.count
    }
  }

  private static func isPartOfName(_ character: Character) -> Bool {
    character.isASCII && (character.isLetter || character.isNumber || "._-".contains(character))
  }

  mutating func parse() throws(InterfaceDescription.Malformed) -> InterfaceDescription {
    try expect("interface")
    var interface = InterfaceDescription(name: try takeInterfaceName())
    while next < words.count {
      let kind = try take()
      let nameWord = try take()
      let name = nameWord.text
      guard isMemberName(name) else { throw malformed("'\(name)' is no name of a member", at: nameWord) }
      let isTaken = interface.methods[name] != nil || interface.types[name] != nil || interface.errors[name] != nil
      guard !isTaken else { throw malformed("'\(name)' is there twice", at: nameWord) }
      switch kind.text {
      case "method":
        let parameters = try takeFields(depth: 0)
        try expect("->")
        interface.methods[name] = InterfaceDescription.Method(parameters: parameters, reply: try takeFields(depth: 0))
      case "type": interface.types[name] = try takeBraced(depth: 0)
      case "error": interface.errors[name] = try takeFields(depth: 0)
      default: throw malformed("method, type or error is expected, not '\(kind.text)'", at: kind)
      }
    }
    return interface
  }

  // MARK: words

  private func malformed(_ reason: String, at word: Word) -> Malformed {
    Malformed(line: word.line, column: word.column, reason: reason)
  }

  private var isAtEnd: Bool { next >= words.count }

  private func peek() -> String? { isAtEnd ? nil : words[next].text }

  private mutating func take() throws(Malformed) -> Word {
    guard !isAtEnd else { throw Malformed(line: end.line, column: end.column, reason: "it ends too early") }
    next += 1
    return words[next - 1]
  }

  private mutating func expect(_ text: String) throws(Malformed) {
    let word = try take()
    guard word.text == text else { throw malformed("'\(text)' is expected, not '\(word.text)'", at: word) }
  }

  // MARK: names

  private mutating func takeInterfaceName() throws(Malformed) -> String {
    let word = try take()
    let parts = word.text.split(separator: ".", omittingEmptySubsequences: false)
    let isName =
      parts.count > 1 && word.text.first?.isLetter == true
      && parts.allSatisfy { part in
        part.first != "-" && part.last != "-" && !part.isEmpty && !part.contains("_")
      }
    guard isName else { throw malformed("'\(word.text)' is no name of an interface", at: word) }
    return word.text
  }

  private func isMemberName(_ text: String) -> Bool {
    text.first.map { $0.isUppercase } == true && text.allSatisfy { $0.isLetter || $0.isNumber }
  }

  private func isFieldName(_ text: String) -> Bool {
    text.first.map { $0.isLetter } == true && text.last != "_" && !text.contains("__")
      && text.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" }
  }

  // MARK: types

  private mutating func takeFields(depth: Int) throws(Malformed) -> [Field] {
    let start = next
    guard case .structure(let fields) = try takeBraced(depth: depth) else {
      throw malformed("types of the fields are expected", at: words[start])
    }
    return fields
  }

  /// "(a: int, b: string)", or "(one, two)" for an enumeration.
  private mutating func takeBraced(depth: Int) throws(Malformed) -> ValueType {
    try expect("(")
    if peek() == ")" {
      next += 1
      return .structure([])
    }
    var fields: [Field] = []
    var names: [String] = []
    while true {
      let word = try take()
      guard isFieldName(word.text) else { throw malformed("'\(word.text)' is no name of a field", at: word) }
      guard !names.contains(word.text) else { throw malformed("'\(word.text)' is there twice", at: word) }
      names.append(word.text)
      if peek() == ":" {
        next += 1
        fields.append(Field(name: word.text, type: try takeType(depth: depth + 1)))
      }
      guard fields.isEmpty || fields.count == names.count else {
        throw malformed("some have a type and some have none", at: word)
      }
      let separator = try take()
      if separator.text == ")" { return fields.isEmpty ? .enumeration(names) : .structure(fields) }
      guard separator.text == "," else {
        throw malformed("',' or ')' is expected, not '\(separator.text)'", at: separator)
      }
    }
  }

  private mutating func takeType(depth: Int) throws(Malformed) -> ValueType {
    guard depth <= Self.depthMax else { throw malformed("types are nested too deeply", at: words[next - 1]) }
    if peek() == "(" { return try takeBraced(depth: depth) }
    let word = try take()
    switch word.text {
    case "bool": return .bool
    case "int": return .int
    case "float": return .float
    case "string": return .string
    case "object": return .object
    case "?":
      guard peek() != "?" else { throw malformed("optional twice", at: word) }
      return .optional(try takeType(depth: depth + 1))
    case "[":
      let isDictionary = peek() == "string"
      if isDictionary { next += 1 }
      try expect("]")
      let element = try takeType(depth: depth + 1)
      return isDictionary ? .dictionary(element) : .array(element)
    default:
      guard isMemberName(word.text) else { throw malformed("'\(word.text)' is no type", at: word) }
      return .named(word.text)
    }
  }
}
