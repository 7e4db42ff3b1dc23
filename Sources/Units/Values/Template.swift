/// A text with holes: a word of a command, or the value of a variable. What fills them is known when the service starts.
public struct Template: Equatable, Sendable {
  public enum Part: Equatable, Sendable {
    case literal(String)
    /// `${NAME}`: the variable's value as it is, or nothing.
    case variable(String)
    /// `$NAME` as a word of its own: the variable's value, split into words. The only part then.
    case words(of: String)
    /// A number of a descriptor.
    case placeholder(Placeholder)
  }

  public var parts: [Part]

  public init(_ parts: [Part]) {
    self.parts = parts
  }

  public init(_ text: String) {
    parts = text.isEmpty ? [] : [.literal(text)]
  }

  /// A word of a command whose quotes and specifiers are gone, and in which `$` still means a variable.
  public init(commandWord word: String) {
    self.init(VariableSyntax.wholeWord(word).map { [.words(of: $0)] } ?? VariableSyntax.parts([.literal(word)]))
  }

  /// Its text if it has no holes.
  public var literal: String? {
    switch (parts.count, parts.first) {
    case (0, _): return ""
    case (1, .literal(let text)): return text
    default: return nil
    }
  }

  public var placeholders: [Placeholder] {
    parts.compactMap { part in
      switch part {
      case .placeholder(let placeholder): placeholder
      case .literal, .variable, .words: nil
      }
    }
  }

  /// The words that it is: one, but for `$NAME`, which may be any number of them.
  ///
  /// - Parameters:
  ///   - variable: a variable's value; nil: it isn't set.
  ///   - placeholder: what stands for a placeholder.
  public func expanded<Failure: Error>(
    variable: (String) -> String?, placeholder: (Placeholder) throws(Failure) -> String
  ) throws(Failure) -> [String] {
    if parts.count == 1, case .words(let name) = parts[0] {
      guard let value = variable(name) else { return [] }
      // Relaxed reading has no errors.
      return ((try? WordReader.words(value, quoting: .relaxed)) ?? []).map(\.text)
    }
    var text = ""
    for part in parts {
      switch part {
      case .literal(let literal): text += literal
      case .variable(let name), .words(let name): text += variable(name) ?? ""
      case .placeholder(let descriptor): text += try placeholder(descriptor)
      }
    }
    return [text]
  }

  /// Literals and placeholders, as `%{…}` and `%%`: what a reader of placeholders takes.
  public func placeholderText(variable: (String) -> String?) -> [String] {
    let escaped = Template(
      parts.map { part in
        switch part {
        case .literal(let text): .literal(text.replacing("%", with: "%%"))
        case .variable, .words, .placeholder: part
        }
      })
    return escaped.expanded(
      variable: { variable($0)?.replacing("%", with: "%%") }, placeholder: { $0.description })
  }
}

/// Numbers of the descriptors that a service is passed, for servers that want them in words of their own.
public enum Placeholder: Equatable, Sendable, CustomStringConvertible {
  /// `%{fd:NAME}`, or `%{fd}`, the only one.
  case descriptor(name: String?)
  /// `%{fds}`, a space between two, or `%{fds:TEXT}`, each followed by TEXT.
  case all(terminator: String?)

  /// By what stands between the braces.
  init?(_ inside: String) {
    let halves = inside.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let argument = halves.count == 2 ? String(halves[1]) : nil
    switch halves.first {
    case "fd" where argument != "": self = .descriptor(name: argument)
    case "fds" where argument != "": self = .all(terminator: argument)
    default: return nil
    }
  }

  public var description: String {
    switch self {
    case .descriptor(let name): name.map { "%{fd:\($0)}" } ?? "%{fd}"
    case .all(let terminator): terminator.map { "%{fds:\($0)}" } ?? "%{fds}"
    }
  }
}
