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
  }

  private let process: ChildProcess

  /// Pauses and holds such that there is a gap of a few milliseconds often enough for many rests a second.
  init(
    _ endpoint: Endpoint, request: String, clients: Int = 4, meanPauseMicroseconds: Int = 8000, wrapper: [String] = [],
    binaries: Binaries = .built
  ) throws {
    process = try ChildProcess(
      wrapper + [binaries.hammer] + endpoint.hammerArguments + [
        "--request", request, "--clients", "\(clients)", "--mean-pause-us", "\(meanPauseMicroseconds)",
        "--hold-percent", "2", "--hold-ms", "80",
      ])
  }

  deinit { process.killAndWait() }

  /// Lets every client finish what it has begun, and counts.
  func finish() throws -> Tally {
    process.closeInput()
    let status = process.waitForExit(within: .seconds(30))
    _ = process.output.waitForEnd(within: .seconds(5))
    let line = try #require(process.output.all.last, "hammer said nothing; stderr: \(process.errors.text)")
    let tally = try JSONDecoder().decode(Tally.self, from: Data(line.utf8))
    if tally.lost > 0 || tally.slow > 0 || status != .exited(0) { print(line, process.errors.text, separator: "\n") }
    return tally
  }
}
