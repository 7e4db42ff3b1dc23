/// A word of a command, or an environment variable, in which descriptor numbers stand in the way that some servers want them:
/// nginx's `NGINX=3;4;`, php-fpm's `FPM_SOCKETS=ADDRESS=3`, haproxy's `bind fd@3`.
///
/// - `%{fd:NAME}`: the number of the one socket of that name
/// - `%{fd}`: the number of the only socket
/// - `%{fds}`: all numbers, a space between two
/// - `%{fds:TEXT}`: all numbers, each followed by TEXT
/// - `%%`: a percent sign, as in systemd's unit files. Any other one stays as it is.
struct PlaceholderText: Equatable, Sendable {
  private enum Part: Equatable {
    case literal(String)
    /// nil: the only one.
    case descriptor(name: String?)
    /// nil: a space between two.
    case all(terminator: String?)
  }

  /// Names the placeholder, and what could be meant.
  struct Mistake: Error, Equatable, Sendable, CustomStringConvertible {
    let description: String
  }

  /// A socket as the service gets it.
  struct Socket: Equatable {
    let name: String
    let address: String
    let number: Int32
  }

  private let source: String
  private let parts: [Part]

  init(_ text: String) throws(Mistake) {
    source = text
    var parts: [Part] = []
    var literal = ""
    var rest = text[...]
    while let character = rest.popFirst() {
      if character == "%", rest.first == "%" {
        rest.removeFirst()
        literal.append("%")
      } else if character == "%", rest.first == "{" {
        guard let end = rest.firstIndex(of: "}") else {
          throw Mistake(description: "'%\(rest)' has no closing brace (a literal percent sign is written %%)")
        }
        if !literal.isEmpty { parts.append(.literal(literal)) }
        literal = ""
        parts.append(try Self.part(rest[rest.index(after: rest.startIndex)..<end]))
        rest = rest[rest.index(after: end)...]
      } else {
        literal.append(character)
      }
    }
    if !literal.isEmpty { parts.append(.literal(literal)) }
    self.parts = parts
  }

  private static func part(_ inside: Substring) throws(Mistake) -> Part {
    let halves = inside.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let argument = halves.count == 2 ? String(halves[1]) : nil
    switch halves.first {
    case "fd" where argument != "": return .descriptor(name: argument)
    case "fds" where argument != "": return .all(terminator: argument)
    default:
      throw Mistake(
        description: "'%{\(inside)}' is none of %{fd:NAME}, %{fd}, %{fds} and %{fds:TEXT} "
          + "(a literal percent sign is written %%)")
    }
  }

  /// Whether a descriptor's number is part of it.
  var namesDescriptors: Bool {
    parts.contains { part in
      switch part {
      case .literal: false
      case .descriptor, .all: true
      }
    }
  }

  /// The text for a service that has these sockets.
  func expanded(_ sockets: [Socket]) throws(Mistake) -> String {
    var text = ""
    for part in parts {
      switch part {
      case .literal(let literal): text += literal
      case .descriptor(let name): text += "\(try Self.one(named: name, of: sockets).number)"
      case .all(.none): text += sockets.map { "\($0.number)" }.joined(separator: " ")
      case .all(.some(let terminator)): text += sockets.map { "\($0.number)\(terminator)" }.joined()
      }
    }
    return text
  }

  /// The numbers that are part of it, for a service that has these sockets.
  func numbers(_ sockets: [Socket]) -> Set<Int32> {
    var numbers: Set<Int32> = []
    for part in parts {
      switch part {
      case .literal: break
      case .descriptor(let name):
        if let socket = try? Self.one(named: name, of: sockets) { numbers.insert(socket.number) }
      case .all: numbers.formUnion(sockets.map(\.number))
      }
    }
    return numbers
  }

  private static func one(named name: String?, of sockets: [Socket]) throws(Mistake) -> Socket {
    let found = name.map { name in sockets.filter { $0.name == name } } ?? sockets
    if let socket = found.first, found.count == 1 { return socket }
    let placeholder = name.map { "%{fd:\($0)}" } ?? "%{fd}"
    if found.isEmpty {
      var names: [String] = []
      for socket in sockets where !names.contains(socket.name) { names.append(socket.name) }
      throw Mistake(
        description: "'\(placeholder)' names no socket; there \(names.count == 1 ? "is" : "are") "
          + names.map { "'\($0)'" }.joined(separator: ", "))
    }
    let addresses = found.map { "\($0.name)=\($0.address)" }.joined(separator: ", ")
    throw Mistake(
      description: "'\(placeholder)' means one socket and there are \(found.count) (\(addresses)): "
        + "give each a name of its own (-l NAME=ADDRESS), or use %{fds}")
  }
}
