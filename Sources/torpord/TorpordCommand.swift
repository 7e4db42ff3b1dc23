import ArgumentParser
import Linux
import Torpor

@main
struct TorpordCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "torpord", abstract: "Hold the sockets of all units, and start, watch and rest their services.",
    discussion: """
      Reads units (torpor.unit(5)) from /etc/torpor and the other directories of --unit-path, holds their sockets, and starts \
      a service when somebody connects. Without root, or with --user, it is a user's own manager, with the directories of the \
      XDG Base Directory Specification.

      SIGHUP reads the units again: sockets that stay are never closed. SIGTERM and SIGINT stop all services gracefully; a \
      second one does so at once. 'torpor status' and the other commands of torpor(1) speak to it by its control socket.
      """,
    version: TorporVersion.current)

  @Flag(name: .customLong("user"), help: "Be a user's own manager, as root, too.")
  var isUser = false

  @Option(
    name: .customLong("unit-path"),
    help: ArgumentHelp(
      "A directory of units, instead of the usual ones. Can be given several times: the first that has a unit has it.",
      valueName: "directory"))
  var unitPath: [String] = []

  @Option(help: ArgumentHelp("Where the control socket is.", valueName: "directory"))
  var runtimeDirectory: String?

  @Option(help: ArgumentHelp("Where the journal of events is kept.", valueName: "directory"))
  var stateDirectory: String?

  @Option(help: ArgumentHelp("Where the output of services goes.", valueName: "directory"))
  var logDirectory: String?

  @Flag(help: "Refuse units that ask for a protection which they wouldn't get, instead of warning.")
  var strict = false

  func run() throws {
    do {
      var settings = isUser || Account.effectiveUser != 0 ? try ManagerSettings.user() : .system()
      if !unitPath.isEmpty { settings.unitPath = unitPath }
      settings.runtimeDirectory = runtimeDirectory ?? settings.runtimeDirectory
      settings.stateDirectory = stateDirectory ?? settings.stateDirectory
      settings.logDirectory = logDirectory ?? settings.logDirectory
      settings.isStrict = strict
      for path in settings.unitPath + [settings.runtimeDirectory, settings.stateDirectory, settings.logDirectory]
      where !path.hasPrefix("/") {
        throw ServiceError("'\(path)' is not an absolute path", exitCode: 2)
      }
      try Manager(settings).run()
    } catch let error as ServiceError {
      StandardStreams.writeError("torpord: \(error)\n")
      throw ExitCode(error.exitCode)
    }
  }
}
