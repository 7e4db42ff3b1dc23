import Foundation
import Testing

/// A running `torpord` with directories of its own, the verbs of `torpor` for it, and the certainty that nothing of it outlives the
/// test.
final class TorpordProcess {
  let process: ChildProcess
  let directory: TemporaryDirectory
  var units: String { directory.path("units") }
  var socket: String { directory.path("run/control") }
  var logs: String { directory.path("log") }
  var state: String { directory.path("state") }

  /// What came of a verb.
  struct Ran {
    let status: ExitStatus?
    let output: [String]
    let errors: String
  }

  /// - Parameter units: the text of each unit file, by its name.
  init(units: [String: String]) throws {
    directory = try TemporaryDirectory()
    try FileManager.default.createDirectory(atPath: directory.path("units"), withIntermediateDirectories: false)
    for (name, text) in units { try directory.write(text, to: "units/\(name)") }
    process = try ChildProcess([
      Binaries.built.directory + "/torpord", "--unit-path", directory.path("units"), "--runtime-directory",
      directory.path("run"), "--state-directory", directory.path("state"), "--log-directory", directory.path("log"),
    ])
    guard process.errors.contains("control at", within: .seconds(15)) else {
      process.endWithDescendants()
      throw SystemFailure("start torpord: \(process.errors.text)")
    }
  }

  deinit { process.endWithDescendants() }

  func write(_ text: String, to unit: String) throws { try directory.write(text, to: "units/\(unit)") }

  /// Runs a verb of `torpor` to its end.
  func torpor(_ arguments: String...) throws -> Ran { try torpor(arguments) }

  func torpor(_ arguments: [String], within limit: Duration = .seconds(30)) throws -> Ran {
    let verb = try start(arguments)
    defer { verb.killAndWait() }
    let status = verb.waitForExit(within: limit)
    _ = verb.output.waitForEnd(within: .seconds(5))
    _ = verb.errors.waitForEnd(within: .seconds(5))
    return Ran(status: status, output: verb.output.all, errors: verb.errors.text)
  }

  func start(_ arguments: [String]) throws -> ChildProcess {
    try ChildProcess([Binaries.built.torpor] + arguments, environment: ["TORPOR_SOCKET": socket])
  }

  struct Status: Decodable {
    let name: String
    let state: String
    let connections: Int
    let wakesToday: Int
    let pid: pid_t?
    let idleInSeconds: Double?
    let memoryBytes: Int?
  }

  func status(_ unit: String) throws -> Status {
    struct Described: Decodable { let unit: Status }
    let line = try #require(try torpor("status", unit, "--json").output.first)
    return try JSONDecoder().decode(Described.self, from: Data(line.utf8)).unit
  }

  /// Asks again and again until it is so.
  func waits(until state: String, of unit: String, within limit: Duration = .seconds(15)) throws -> Bool {
    let deadline = Deadline(after: limit)
    while !deadline.hasPassed {
      if try status(unit).state == state { return true }
      usleep(20_000)
    }
    return false
  }
}
