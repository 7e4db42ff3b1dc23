/// A command's arguments and the variables added to its environment, with their placeholders.
struct CommandWords {
  private let program: String
  private let arguments: [PlaceholderText]
  private let variables: [PlaceholderText]

  /// Fails at a placeholder that can't be read. `environment`: "NAME=VALUE".
  init(command: [String], environment: [String]) throws(PlaceholderText.Mistake) {
    // The program itself was looked for as it stands.
    program = command.first ?? ""
    var arguments: [PlaceholderText] = []
    for argument in command.dropFirst() { arguments.append(try PlaceholderText(argument)) }
    self.arguments = arguments
    var variables: [PlaceholderText] = []
    for variable in environment { variables.append(try PlaceholderText(variable)) }
    self.variables = variables
  }

  struct Expanded: Equatable {
    var arguments: [String]
    var variables: [String]
  }

  /// Fails at a placeholder that means none of these sockets, or several.
  func expanded(_ sockets: [PlaceholderText.Socket]) throws(PlaceholderText.Mistake) -> Expanded {
    var result = Expanded(arguments: [program], variables: [])
    for argument in arguments { result.arguments.append(try argument.expanded(sockets)) }
    for variable in variables { result.variables.append(try variable.expanded(sockets)) }
    return result
  }

  /// The variables that name no descriptor.
  var literalVariables: [String] { variables.compactMap { try? $0.expanded([]) } }

  var nameDescriptors: Bool { (arguments + variables).contains(where: \.namesDescriptors) }

  /// The sockets whose numbers the service is told.
  func numbers(_ sockets: [PlaceholderText.Socket]) -> Set<Int32> {
    (arguments + variables).reduce(into: []) { $0.formUnion($1.numbers(sockets)) }
  }
}
