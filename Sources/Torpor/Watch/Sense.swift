import Lifecycle

/// One source of evidence that a service is at work, besides the connections to its sockets.
///
/// A sense never waits, changes nothing, and is asked only while the service runs. What it can't see counts as busy, and is told:
/// nobody is put to rest for want of evidence.
protocol Sense: AnyObject {
  /// A new instance serves from here on: what was seen of the last one is nothing.
  func begin(at now: Instant)
  /// Before the kernel's tables are asked for a look: what it needs of them.
  func prepare(_ question: inout SocketTables.Question)
  /// What it finds now, or has found since the last look. What it had to ask for is in `table`.
  func look(_ table: SocketTable, at now: Instant) -> Verdict
  /// The same for a person who asks in between: with the numbers, and with no effect on the next look.
  func explain(_ table: SocketTable, at now: Instant) -> Verdict
}

extension Sense {
  func begin(at now: Instant) {}
  func prepare(_ question: inout SocketTables.Question) {}
}

/// What a sense says.
enum Verdict: Equatable, Sendable {
  /// The service is at work, or may be. Evidence: a line each.
  case busy([String])
  /// It isn't, as far as this sense sees. What it has seen: a line each.
  case quiet([String])
  /// It can't see what it would have to, so that the service counts as busy. A clause: what, and what can be done about it.
  case blind(String)

  var isBusy: Bool {
    switch self {
    case .busy, .blind: true
    case .quiet: false
    }
  }

  var evidence: [String] {
    switch self {
    case .busy(let lines), .quiet(let lines): lines
    case .blind(let text): ["\(text): it counts as busy"]
    }
  }
}
