import ArgumentParser
import Glibc
import Linux
import Torpor

struct HoldCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "hold", abstract: "Keep a unit's service from being put to rest.",
    usage: """
      torpor hold NAME --for DURATION
      torpor hold NAME -- COMMAND [ARG...]
      torpor hold NAME
      """,
    discussion: """
      For a time, for as long as COMMAND runs, or until this program ends (Ctrl-C). It starts nothing: the first \
      connection does. With COMMAND the exit status is the command's, 128 and the signal's number if one killed it, 126 \
      if it can't be executed and 127 if it isn't there.

      Example: torpor hold postgres -- pg_dumpall --file=/backup/all.sql
      """)

  @OptionGroup var manager: ManagerOptions

  @Option(
    name: .customLong("for"), help: ArgumentHelp("Hold it for so long, and return at once.", valueName: "duration"))
  var duration: String?

  @Option(help: ArgumentHelp("What to tell those who ask why it is held.", valueName: "text"))
  var reason: String?

  @Argument(help: ArgumentHelp("The unit.", valueName: "name"), completion: .units)
  var name: String

  @Argument(parsing: .postTerminator, help: ArgumentHelp("What to run meanwhile, after --.", valueName: "command"))
  var command: [String] = []

  func carryOut() throws {
    let seconds = try seconds()
    let client = try manager.connect()
    let parameters = HoldParameters(name: name, seconds: seconds, reason: reason ?? commandText)
    let hold = try client.call(.hold, parameters, as: ControlReply.Held.self).hold
    if seconds != nil, let duration {
      return Terminal.write("\(name) is held for \(duration); 'torpor release \(name) --id \(hold.id)' ends that\n")
    }
    let status = try HeldCommand(command, connection: client, unit: name).run()
    if status != 0 { throw ExitCode(status) }
  }

  /// What is run, for those who ask why: of a long one the beginning will do.
  private var commandText: String? {
    if command.isEmpty { return nil }
    let text = command.joined(separator: " ")
    return text.unicodeScalars.count <= 200 ? text : String(text.unicodeScalars.prefix(200)) + "…"
  }

  private func seconds() throws -> Double? {
    guard let duration else { return nil }
    guard command.isEmpty else {
      throw CommandFailure("either --for or a command: it is held for as long as the command runs", exitCode: 2)
    }
    do {
      guard let span = try TimeSpan.parse(duration) else {
        throw CommandFailure("--for takes a time that ends; without --for it is held until this ends", exitCode: 2)
      }
      guard span > .zero else { throw CommandFailure("--for takes more than no time", exitCode: 2) }
      return TimeSpan.seconds(span)
    } catch let error as TimeSpan.Malformed { throw CommandFailure(error.description, exitCode: 2) }
  }
}
