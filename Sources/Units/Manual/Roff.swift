/// Text for man(7).
struct Roff {
  private(set) var text = ""

  mutating func request(_ line: String) {
    text += line + "\n"
  }

  mutating func section(_ title: String) { request(".SH \"\(Self.escape(title))\"") }
  mutating func subsection(_ title: String) { request(".SS \"\(Self.escape(title))\"") }
  mutating func paragraph() { request(".PP") }

  /// A tag, and what it means below it.
  mutating func item(_ tag: String, _ meaning: String) {
    request(".TP")
    request(".B \(Self.escape(tag))")
    prose(meaning)
  }

  /// Sentences, one a line.
  mutating func prose(_ sentences: String) {
    for sentence in Self.sentences(sentences) {
      let line = Self.escape(sentence)
      // A dot or an apostrophe in front would be a request.
      text += (line.hasPrefix(".") || line.hasPrefix("'") ? "\\&" : "") + line + "\n"
    }
  }

  /// Lines as they are.
  mutating func example(_ lines: String) {
    request(".IP\n.EX")
    for line in lines.split(separator: "\n", omittingEmptySubsequences: false) {
      let line = Self.escape(String(line))
      text += (line.hasPrefix(".") || line.hasPrefix("'") ? "\\&" : "") + line + "\n"
    }
    request(".EE")
  }

  static func escape(_ text: String) -> String {
    text.replacing("\\", with: "\\e").replacing("-", with: "\\-").replacing("\"", with: "\\(dq")
  }

  /// Cut behind a full stop and a space that a capital letter follows.
  private static func sentences(_ text: String) -> [String] {
    var sentences: [String] = []
    var rest = Substring(text)
    var from = rest.startIndex
    while let stop = rest[from...].firstRange(of: ". ") {
      from = stop.upperBound
      if let next = rest[stop.upperBound...].unicodeScalars.first, next.properties.isUppercase {
        sentences.append(String(rest[...stop.lowerBound]))
        rest = rest[stop.upperBound...]
      }
    }
    return sentences + [String(rest)]
  }
}
