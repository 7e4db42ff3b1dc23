import ArgumentParser
import Torpor
import Varlink

extension CompletionKind {
  /// Names of units, as a manager that runs tells them.
  static var units: CompletionKind { .custom { _, _, prefix in UnitCompletion.names(beginningWith: prefix) } }
}

enum UnitCompletion {
  static func names(beginningWith prefix: String) -> [String] {
    var names: [String] = []
    // Whoever presses the tabulator wants no message.
    guard let client = try? ManagerOptions.parse([]).connect() else { return [] }
    try? client.stream(.list, NoParameters(), as: ControlReply.Units.self, isQuick: true) { reply in
      names += reply.units.map(\.name).filter { $0.hasPrefix(prefix) }
    }
    return names
  }
}
