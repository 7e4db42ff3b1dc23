import Foundation

/// A real server of the matrix: how it is configured and started, and how a right answer of it is known.
struct MatrixServer: Sendable {
  /// In the table.
  let name: String
  /// Programs or files that must be there.
  let needs: [Needed]
  /// Prints its version somewhere, as the first word with a dot in it.
  let versionCommand: [String]
  /// Each is a service that holds these sockets.
  var sockets: [[SocketKind]] = [[.tcp4]]
  /// Of its unix socket, where it can't be told another one.
  var pathName = "service.sock"
  /// Those that it can do.
  var handovers: [Handover] = [.adopt, .auto]
  /// The hammer comes after a first life, as the first start isn't like the others.
  var livesOnceBefore = false
  /// Of a client under the hammer: such that there is a gap of a few milliseconds often enough.
  var meanPause = Duration.milliseconds(20)
  /// For the slow: a bound, not an estimate.
  var secondsPerStop = 1.0
  /// Writes what it needs into a directory, and tells how it is run there.
  let setUp: @Sendable (Place) throws -> Setup

  struct Needed: Sendable {
    let name: String
    let path: String?
    static func program(_ name: String) -> Needed { Needed(name: name, path: Machine.find(name)) }
    static let ipv6 = Needed(name: "IPv6 on the loopback interface", path: Machine.hasIPv6 ? "lo" : nil)
    static func file(_ path: String, of name: String) -> Needed {
      Needed(name: name, path: access(path, R_OK) == 0 ? path : nil)
    }
  }

  /// What is held: one more kind is one more way of making an `Endpoint`.
  enum SocketKind: String, Sendable {
    case tcp4 = "TCP"
    case tcp6 = "TCP v6"
    case unix
    case udp = "UDP"

    func endpoint(port: UInt16, path: String) -> Endpoint {
      switch self {
      case .tcp4: .v4(port)
      case .tcp6: .v6(port)
      case .unix: .unix(path)
      case .udp: .udp(port)
      }
    }
  }

  enum Handover: String, Sendable {
    case adopt
    case listenFDs = "listen-fds"
    case auto
  }

  /// Where and how one service is to run.
  struct Place {
    /// For this run alone, and writable by everybody.
    let directory: TemporaryDirectory
    /// What torpor holds.
    let held: [Endpoint]
    let handover: Handover

    var endpoint: Endpoint { held[0] }
  }

  struct Setup {
    let command: [String]
    /// torpor's, besides the addresses, `--idle` and `--handover`.
    var options: [String] = []
    /// Words before torpor's own command.
    var wrapper: [String] = []
    /// Another server, which clients ask and which asks this one.
    var front: Front?
    /// A question that holds this word where the protocol has room for one.
    let question: @Sendable (_ word: String) -> Question
    /// A client of its own in place of ours, for the visits that wake it: exits with 0 when it was answered rightly.
    var visitor: (@Sendable (Endpoint) -> [String])?
  }

  struct Front {
    let command: [String]
    let endpoint: Endpoint
  }

  /// Why it can't be run here.
  var missing: String? { needs.first { $0.path == nil }.map { "\($0.name) isn't there" } }

  var allCases: [MatrixCase] {
    sockets.flatMap { kinds in handovers.map { MatrixCase(server: self, sockets: kinds, handover: $0) } }
  }

  /// All, or those that `TORPOR_MATRIX_ROWS` names a part of, such as "unix".
  var cases: [MatrixCase] {
    let wanted = ProcessInfo.processInfo.environment["TORPOR_MATRIX_ROWS"] ?? ""
    return allCases.filter { wanted.isEmpty || $0.testDescription.contains(wanted) }
  }

  func version() throws -> String {
    let output = try Tool.run(versionCommand)
    guard let word = output.firstMatch(of: /[0-9]+\.[0-9]+[^\s,;()"]*/) else {
      throw Tool.Failed(description: "no version in what '\(versionCommand.joined(separator: " "))' says: \(output)")
    }
    return String(word.output)
  }
}
