import Foundation
import Synchronization

/// A program that prepares something, run to its end.
enum Tool {
  struct Failed: Error, CustomStringConvertible {
    let description: String
  }

  /// What it printed, on both streams.
  @discardableResult
  static func run(
    _ command: [String], environment: [String: String] = [:], within limit: Duration = .seconds(60)
  ) throws -> String {
    let child = try ChildProcess(command, environment: environment)
    defer { child.endWithDescendants() }
    child.closeInput()
    let status = child.waitForExit(within: limit)
    _ = child.output.waitForEnd(within: .seconds(5))
    _ = child.errors.waitForEnd(within: .seconds(5))
    let text = [child.output.text, child.errors.text].filter { !$0.isEmpty }.joined(separator: "\n")
    guard status == .exited(0) else {
      let end = status.map { "\($0)" } ?? "not at an end after \(limit)"
      throw Failed(description: "'\(command.joined(separator: " "))': \(end)\n\(text.suffix(2000))")
    }
    return text
  }
}

/// What is costly to make is made once, shared by the tests of this run, and removed when the process ends.
final class Fixture: Sendable {
  let directory: TemporaryDirectory

  /// - Parameter make: fills the directory; thrown errors are met by each test that asks for it.
  init(_ make: (TemporaryDirectory) throws -> Void) throws {
    directory = try TemporaryDirectory()
    Self.removeAtExit(directory)
    try make(directory)
  }

  private static let kept = Mutex<[TemporaryDirectory]>([])

  private static func removeAtExit(_ directory: TemporaryDirectory) {
    let isFirst = kept.withLock { kept in
      kept.append(directory)
      return kept.count == 1
    }
    if isFirst { atexit { Fixture.kept.withLock { for directory in $0 { directory.remove() } } } }
  }
}
