import Units

/// One command of a unit file: ExecStart= and its like, unquoted and with its specifiers expanded.
public struct CommandLine: Equatable, Sendable {
  /// Absolute, or a name that is looked for in the service's PATH at each start.
  public var path: String
  /// What it finds as its own name (`@`); nil: `path`.
  public var argument0: String?
  /// Without the program's own name. `$NAME` and `${NAME}` are as they were written.
  public var words: [String]
  /// Its failure is none (`-`).
  public var ignoresFailure: Bool
  /// `$NAME` and `${NAME}` mean variables (not with `:`).
  public var expandsVariables: Bool
  /// Not as the user, but as we are (`+`, `!`).
  public var fullPrivileges: Bool
  /// Nor with NoNewPrivileges= (`+`).
  public var isUnrestricted: Bool

  public init(
    path: String, argument0: String? = nil, words: [String] = [], ignoresFailure: Bool = false,
    expandsVariables: Bool = true, fullPrivileges: Bool = false, isUnrestricted: Bool = false
  ) {
    self.path = path
    self.argument0 = argument0
    self.words = words
    self.ignoresFailure = ignoresFailure
    self.expandsVariables = expandsVariables
    self.fullPrivileges = fullPrivileges
    self.isUnrestricted = isUnrestricted
  }

  /// All arguments, with the program's name as the first. `environment`: "NAME=VALUE", of which the last of a name holds.
  func arguments(environment: [String]) -> [String] {
    let name = argument0 ?? path
    guard expandsVariables else { return [name] + words }
    let variables = VariableExpansion(environment)
    return [name] + words.flatMap { variables.words(of: $0) }
  }

  /// For messages.
  var description: String { ([path] + words).joined(separator: " ") }
}

/// Variables in the words of a command, as systemd.service(5), "Command lines", has them.
struct VariableExpansion {
  private var values: [String: String] = [:]

  init(_ environment: [String]) {
    for variable in environment {
      let halves = variable.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if halves.count == 2 { values[String(halves[0])] = String(halves[1]) }
    }
  }

  /// A word that is `$NAME` and nothing else becomes the words of the value, none if there is no such variable. In any other
  /// `${NAME}` becomes the value as it is, and `$$` a dollar sign.
  func words(of word: String) -> [String] {
    Template(commandWord: word).expanded(variable: { values[$0] }, placeholder: \.description)
  }
}
