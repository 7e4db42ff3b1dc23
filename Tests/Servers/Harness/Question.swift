import Foundation

/// What clients ask a server, and the only right answer, in `hammer`'s words.
struct Question: Sendable {
  let arguments: [String]

  private init(_ request: String, _ query: String, _ expected: String) {
    arguments = ["--request", request, "--query", Self.escaped(query), "--expect", Self.escaped(expected)]
  }

  /// An argument can't hold a zero byte.
  private static func escaped(_ text: String) -> String {
    text.replacingOccurrences(of: "%", with: "%25").replacingOccurrences(of: "\0", with: "%00")
  }

  /// The body must hold this text, and the status be 200.
  static func http(_ path: String, body: String) -> Question { Question("http", path, body) }
  /// Sent as it is; the reply is known to the last byte.
  static func text(_ request: String, reply: String) -> Question { Question("text", request, reply) }
  /// A statement with one value, by root without a password.
  static func mysql(_ statement: String, value: String) -> Question { Question("mysql", statement, value) }
  /// A statement with one value, by postgres without a password.
  static func postgres(_ statement: String, value: String) -> Question { Question("postgres", statement, value) }
  /// The first document of "DATABASE.COLLECTION" must hold this string.
  static func mongo(_ collection: String, string: String) -> Question { Question("mongo", collection, string) }
  /// An A record.
  static func dns(_ name: String, address: String) -> Question { Question("dns", name, address) }
}
