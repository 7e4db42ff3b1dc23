import Foundation
import Testing

/// Clients of our own that connect, ask, hold and close at random moments until told to end.
final class Hammer {
  struct Tally: Decodable, Sendable {
    let requests: Int
    let ok: Int
    let lost: Int
    let slow: Int
    let held: Int
    // Of those lost:
    let refused: Int
    let reset: Int
    let endOfFileWithoutReply: Int
    let wrongReply: Int
    /// Answered with the server's own word that it is still starting.
    let notReady: Int
    /// From connecting to the reply; nil where there was none.
    let max_ms: Double?
  }

  private let process: ChildProcess

  /// Pauses and holds such that there is a gap of a few milliseconds often enough for many rests a second.
  convenience init(
    _ endpoint: Endpoint, request: String, clients: Int = 4, meanPauseMicroseconds: Int = 8000, wrapper: [String] = [],
    binaries: Binaries = .built
  ) throws {
    try self.init(
      wrapper + Self.command(endpoint, ["--request", request], binaries), clients: clients,
      meanPause: .microseconds(meanPauseMicroseconds))
  }

  convenience init(
    _ endpoint: Endpoint, _ question: Question, clients: Int, meanPause: Duration, wrapper: [String] = [],
    binaries: Binaries = .built
  ) throws {
    try self.init(
      wrapper + Self.command(endpoint, question.arguments, binaries), clients: clients, meanPause: meanPause)
  }

  private init(_ command: [String], clients: Int, meanPause: Duration) throws {
    let behaviour = [
      "--clients", "\(clients)", "--mean-pause-us", "\(meanPause.seconds * 1e6)", "--hold-percent", "2",
      "--hold-ms", "80",
    ]
    process = try ChildProcess(command + behaviour)
  }

  deinit { process.killAndWait() }

  private static func command(
    _ endpoint: Endpoint, _ request: [String], _ binaries: Binaries = .built
  ) -> [String] {
    [binaries.hammer] + endpoint.hammerArguments + request
  }

  /// One client that comes, asks once, and closes.
  static func visit(_ endpoint: Endpoint, _ question: Question) throws -> (tally: Tally, errors: String) {
    let visitor = try ChildProcess(
      command(endpoint, question.arguments) + ["--clients", "1", "--requests", "1", "--hold-percent", "0"])
    defer { visitor.killAndWait() }
    _ = visitor.waitForExit(within: .seconds(20))
    return (try tally(of: visitor), visitor.errors.text)
  }

  /// Lets every client finish what it has begun, and counts.
  func finish() throws -> Tally {
    process.closeInput()
    let status = process.waitForExit(within: .seconds(30))
    let tally = try Self.tally(of: process)
    if tally.lost > 0 || tally.slow > 0 || status != .exited(0) {
      print(process.output.text, process.errors.text, separator: "\n")
    }
    return tally
  }

  private static func tally(of process: ChildProcess) throws -> Tally {
    _ = process.output.waitForEnd(within: .seconds(5))
    _ = process.errors.waitForEnd(within: .seconds(5))
    let line = try #require(process.output.all.last, "hammer said nothing; stderr: \(process.errors.text)")
    return try JSONDecoder().decode(Tally.self, from: Data(line.utf8))
  }
}
