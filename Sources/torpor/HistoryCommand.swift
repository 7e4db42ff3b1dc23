import ArgumentParser
import Linux
import Torpor
import Units

struct HistoryCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "history", abstract: "Show what has happened to a unit.",
    discussion: "The journal of events is read directly, so that this works when torpord isn't running, too.")

  @Flag(help: "Write one JSON object an event, in a line each.")
  var json = false

  @Option(
    name: [.customShort("n"), .long], help: ArgumentHelp("The last so many events.", valueName: "number"))
  var lines = 20

  @Option(help: ArgumentHelp("torpord's state directory.", valueName: "path"))
  var directory: String?

  @Argument(help: ArgumentHelp("The unit.", valueName: "name"), completion: .units)
  var name: String

  func carryOut() throws {
    guard lines > 0 else { throw CommandFailure("-n takes a number from 1 on", exitCode: 2) }
    let directory = try directory ?? found()
    do throws(Errno) {
      var lines = try read(name, in: directory)
      // With a suffix, as the other verbs take it.
      if lines.isEmpty, let stem = UnitName(name)?.stem { lines = try read(stem, in: directory) }
      if lines.isEmpty, !json { StandardStreams.writeError("torpor: nothing is known of '\(name)'\n") }
      for line in lines { Terminal.write(line + "\n") }
    } catch { throw CommandFailure("cannot read the journal in '\(directory)': \(error)") }
  }

  private func read(_ unit: String, in directory: String) throws(Errno) -> [String] {
    if json { return try EventHistory.lines(in: directory, unit: unit, limit: lines) }
    return try EventHistory.sentences(in: directory, unit: unit, limit: lines).map { TextStyle.clean($0) }
  }

  /// A user's own manager's, if it has one, or the system's.
  private func found() throws -> String {
    let candidates =
      ((try? ManagerSettings.user()).map { [$0.stateDirectory] } ?? []) + [ManagerSettings.system().stateDirectory]
    func first(_ predicate: (String) -> Bool) -> String? { candidates.first { predicate("\($0)/journal.jsonl") } }
    // Of one that we may not see, its reading tells so.
    guard let found = first(ProcessFiles.exists) ?? first(ProcessFiles.isHidden) else {
      throw CommandFailure("there is no journal in \(candidates.joined(separator: " or ")); say where with --directory")
    }
    return found
  }
}
