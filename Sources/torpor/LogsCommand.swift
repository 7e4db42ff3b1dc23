import ArgumentParser
import Glibc
import Linux
import Torpor
import Units

struct LogsCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "logs", abstract: "Show what a unit's service has written.",
    discussion: """
      The file is read directly, so that this works when torpord isn't running, too. On a terminal, control characters other \
      than those of colours are replaced.
      """)

  @OptionGroup var manager: ManagerOptions

  @Flag(
    name: [.customShort("f"), .long], help: "Go on with what is written from now on, until this is ended (Ctrl-C).")
  var follow = false

  @Option(
    name: [.customShort("n"), .long],
    help: ArgumentHelp("Begin so many lines before the end.", valueName: "number"))
  var lines = 20

  @Option(help: ArgumentHelp("Where the log files are, if torpord can't be asked.", valueName: "path"))
  var directory: String?

  @Argument(help: ArgumentHelp("The unit.", valueName: "name"), completion: .units)
  var name: String

  func carryOut() throws {
    guard lines >= 0 else { throw CommandFailure("-n takes a number from 0 on", exitCode: 2) }
    let path = try path()
    let clean = LogCleaner(isOn: Terminal.isTerminal)
    do throws(Errno) {
      var reader = try LogReader(path)
      try reader.readLast(lines) { Terminal.write(clean.clean($0)) }
      if follow { try reader.follow { Terminal.write(clean.clean($0)) } }
    } catch {
      let hint = error == .noEntry ? "; it has written nothing yet, or writes elsewhere" : ""
      throw CommandFailure("cannot read '\(path)': \(error)\(hint)")
    }
  }

  private func path() throws -> String {
    // With a suffix, as systemd's tools take it, or without.
    let base = UnitName(name)?.stem ?? name
    guard !base.isEmpty, !base.contains("/"), base != ".", base != ".." else {
      throw CommandFailure("'\(name)' is no name of a unit", exitCode: 2)
    }
    if let directory { return "\(directory)/\(base).log" }
    // A manager that can't be asked is no reason not to look; what it says of the unit is.
    if let client = try? manager.connect() {
      let described = try client.call(.describe, NameParameters(name: name), as: ControlReply.Described.self)
      guard let file = described.settings?.logFile else {
        throw CommandFailure(
          "\(name) writes to no file of torpord's; if it is to the journal, 'journalctl -t \(base)' has it")
      }
      return file
    }
    let paths = Self.directories.map { "\($0)/\(base).log" }
    // Of one that we may not see, its reading tells so.
    guard let found = paths.first(where: ProcessFiles.exists) ?? paths.first(where: ProcessFiles.isHidden) else {
      throw CommandFailure(
        "there is no \(base).log in \(Self.directories.joined(separator: " or ")), and no torpord to ask where it is")
    }
    return found
  }

  /// Where torpord keeps them unless it is told otherwise: a user's own, and the system's.
  private static var directories: [String] {
    ((try? ManagerSettings.user()).map { [$0.logDirectory] } ?? []) + [ManagerSettings.system().logDirectory]
  }
}
