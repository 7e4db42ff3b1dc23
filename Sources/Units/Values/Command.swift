/// A command of a unit: `ExecStart=` and its kin, systemd.service(5), "Command lines".
public struct Command: Equatable, Sendable {
  /// What of the unit's settings for a process a command goes without.
  public enum Privileges: Equatable, Sendable {
    /// Nothing.
    case restricted
    /// `!`: User=, Group=, SupplementaryGroups= are not applied.
    case elevated
    /// `+`: nor is any restriction.
    case full
  }

  /// An absolute path, or a bare name to be looked up in the default PATH.
  public let path: String
  /// With the zeroth, which is the path unless `@` says otherwise.
  public let arguments: [Template]
  /// `-`: its failure is taken for success.
  public let ignoresFailure: Bool
  public let privileges: Privileges

  public init(path: String, arguments: [Template], ignoresFailure: Bool = false, privileges: Privileges = .restricted) {
    self.path = path
    self.arguments = arguments
    self.ignoresFailure = ignoresFailure
    self.privileges = privileges
  }
}

/// Reads commands.
struct CommandReader {
  private var reader: WordReader
  private let specifiers: Specifiers
  private(set) var warnings: [ValueError] = []

  init(_ value: String, specifiers: Specifiers) {
    reader = WordReader(value)
    self.specifiers = specifiers
  }

  /// All commands of one value: a lone `;` stands between two.
  static func commands(_ value: inout Value) throws(ValueError) -> [Command] {
    var reader = CommandReader(value.text, specifiers: value.specifiers)
    var commands: [Command] = []
    while let command = try reader.next() { commands.append(command) }
    value.warnings += reader.warnings
    for escape in reader.reader.unknownEscapes {
      value.warnings.append(
        ValueError("this escape sequence is not known and stands as it is (a backslash is written \\\\)", at: escape))
    }
    guard !commands.isEmpty else { throw ValueError("a command is expected") }
    return commands
  }

  /// The characters before a command's path.
  private struct Prefixes {
    var ignoresFailure = false
    var hasOwnName = false
    var expandsVariables = true
    var privileges = Command.Privileges.restricted
    /// `!!`, which differs from nothing only on kernels without ambient capabilities: none that this runs on.
    var isAmbient = false
    var count = 0

    /// Takes one if it is one.
    mutating func take(_ byte: UInt8) -> Bool {
      let isFirstPrivilege = privileges == .restricted && !isAmbient
      switch byte {
      case UInt8(ascii: "-") where !ignoresFailure: ignoresFailure = true
      case UInt8(ascii: "@") where !hasOwnName: hasOwnName = true
      case UInt8(ascii: ":") where expandsVariables: expandsVariables = false
      case UInt8(ascii: "+") where isFirstPrivilege: privileges = .full
      case UInt8(ascii: "!") where isFirstPrivilege: privileges = .elevated
      case UInt8(ascii: "!") where privileges == .elevated:
        privileges = .restricted
        isAmbient = true
      default: return false
      }
      count += 1
      return true
    }
  }

  private mutating func next() throws(ValueError) -> Command? {
    let start = reader.index
    if reader.takeSeparator() { throw ValueError("a command is expected before ';'", at: start) }
    guard let first = try reader.next() else { return nil }
    var prefixes = Prefixes()
    for byte in first.text.utf8 {
      guard prefixes.take(byte) else { break }
    }
    let bare = String(decoding: Array(first.text.utf8.dropFirst(prefixes.count)), as: UTF8.self)
    let path = try plain(bare, at: first.offset)
    guard !path.isEmpty else { throw ValueError("the path of a command is missing", at: first.offset) }
    let program = try program(path, at: first.offset)
    var arguments = prefixes.hasOwnName ? [] : [Template(program)]
    while true {
      if reader.takeSeparator() { break }
      if reader.takeEscapedSeparator() != nil {
        arguments.append(Template(";"))
        continue
      }
      guard let word = try reader.next() else { break }
      arguments.append(try argument(word, expandsVariables: prefixes.expandsVariables))
    }
    guard let zeroth = arguments.first, zeroth.parts != [] else {
      throw ValueError("'@' makes the word behind the path the process's name, and it is missing", at: first.offset)
    }
    return Command(
      path: program, arguments: arguments, ignoresFailure: prefixes.ignoresFailure, privileges: prefixes.privileges)
  }

  private func plain(_ text: String, at offset: Int) throws(ValueError) -> String {
    do throws(ValueError) {
      return Template(try specifiers.expand(text)).literal ?? ""
    } catch { throw error.moved(by: offset) }
  }

  private func program(_ path: String, at offset: Int) throws(ValueError) -> String {
    if PathSyntax.isFileName(path) { return path }
    guard path.utf8.first == UInt8(ascii: "/"), let plain = try? PathSyntax.plain(path), plain != "/" else {
      throw ValueError(
        "'\(path)' is neither an absolute path nor the bare name of a program (a shell's line is written /bin/sh -c '…')",
        at: offset)
    }
    return plain
  }

  private mutating func argument(_ word: WordReader.Word, expandsVariables: Bool) throws(ValueError) -> Template {
    let parts: [Template.Part]
    do throws(ValueError) {
      parts = try specifiers.expand(word.text, allowsPlaceholders: true)
    } catch { throw error.moved(by: word.offset) }
    guard expandsVariables else { return Template(parts) }
    if parts.count == 1, case .literal(let text) = parts[0], let name = VariableSyntax.wholeWord(text) {
      if !EnvironmentSyntax.isName(name) {
        warnings.append(
          ValueError(
            "'$\(name)' is read as one variable's name and can't be set: write '${NAME}' where a word goes on",
            at: word.offset))
      }
      return Template([.words(of: name)])
    }
    return Template(VariableSyntax.parts(parts))
  }
}

/// `$` in a command's words.
enum VariableSyntax {
  /// NAME where a word is `$NAME` and nothing else: it becomes as many words as the variable has.
  static func wholeWord(_ text: String) -> String? {
    let bytes = text.utf8
    guard bytes.first == UInt8(ascii: "$"), let second = bytes.dropFirst().first, second != UInt8(ascii: "{"),
      second != UInt8(ascii: "$")
    else { return nil }
    return String(text.dropFirst())
  }

  /// `${NAME}` and `$$` anywhere; any other `$` is itself.
  static func parts(_ parts: [Template.Part]) -> [Template.Part] {
    var result: [Template.Part] = []
    for part in parts {
      guard case .literal(let text) = part, text.utf8.contains(UInt8(ascii: "$")) else {
        result.append(part)
        continue
      }
      split(Array(text.utf8)[...], into: &result)
    }
    return result
  }

  private static func split(_ bytes: ArraySlice<UInt8>, into parts: inout [Template.Part]) {
    var literal: [UInt8] = []
    func flush() {
      if !literal.isEmpty { parts.append(.literal(String(decoding: literal, as: UTF8.self))) }
      literal = []
    }
    var rest = bytes
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "$"), let next = rest.first else {
        literal.append(byte)
        continue
      }
      if next == UInt8(ascii: "$") {
        rest.removeFirst()
        literal.append(byte)
      } else if next == UInt8(ascii: "{"), let end = rest.firstIndex(of: UInt8(ascii: "}")) {
        flush()
        parts.append(.variable(String(decoding: rest[(rest.startIndex + 1)..<end], as: UTF8.self)))
        rest = rest[(end + 1)...]
      } else {
        literal.append(byte)
      }
    }
    flush()
  }
}
