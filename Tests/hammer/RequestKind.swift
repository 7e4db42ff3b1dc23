import ArgumentParser

/// The protocols that a client can speak.
enum RequestKind: String, CaseIterable, ExpressibleByArgument, Sendable {
  case redis, http, line, text, mysql, postgres, mongo, dns

  /// Whether `--query` and `--expect` have to say what is asked and what the answer is.
  var needsQuery: Bool {
    switch self {
    case .redis, .http, .line: false
    case .text, .mysql, .postgres, .mongo, .dns: true
    }
  }
}
