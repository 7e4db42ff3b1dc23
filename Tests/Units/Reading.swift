@testable import Units

/// What one file says, read as a unit of some kind.
struct Reading {
  let fragment: Fragment
  let diagnostics: [Diagnostic]

  init(_ text: String, name: String = "test.torpor", specifiers: Specifiers = .system) {
    let file = SourceFile(path: name, text: text)
    let syntax = UnitSyntax(file)
    let kind = UnitName(name)
    var reader = FragmentReader(
      kind: kind?.kind ?? .torpor, specifiers: kind.map { specifiers.of($0, file: "/etc/torpor/\(name)") } ?? specifiers
    )
    reader.read(syntax.entries)
    fragment = reader.fragment
    diagnostics = syntax.diagnostics + reader.diagnostics
  }

  /// "line:column: severity: message" of each.
  var messages: [String] { diagnostics.map { String($0.description.dropFirst($0.file.count + 1)) } }

  var service: ServiceSection { fragment.service }
  var socket: SocketSection { fragment.socket }
  var idle: IdleSection { fragment.idle }
}

/// The words of commands, variables and placeholders as they were written.
extension Command {
  var words: [String] { arguments.map(\.shown) }
}

extension Template {
  var shown: String {
    parts.map { part in
      switch part {
      case .literal(let text): text
      case .variable(let name): "${\(name)}"
      case .words(let name): "$\(name)"
      case .placeholder(let placeholder): placeholder.description
      }
    }.joined()
  }
}
