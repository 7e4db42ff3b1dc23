import ArgumentParser
import Linux
import Torpor

@main
struct TorporCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "torpor", abstract: "Starts a service on its first connection and puts it to rest when it is idle.",
    version: TorporVersion.current,
    subcommands: [
      RunCommand.self, StatusCommand.self, WhyCommand.self, WakeCommand.self, RestCommand.self, HoldCommand.self,
      ReleaseCommand.self, VerifyCommand.self, LogsCommand.self, HistoryCommand.self, ReloadCommand.self,
      MonitorCommand.self, CheckCommand.self, AddCommand.self, ImportCommand.self,
    ])

  /// ArgumentParser's own entry exits with 64 for a mistake in the arguments; ours is 2.
  static func main() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch {
      let code = exitCode(for: error)
      guard code == .validationFailure else { exit(withError: error) }
      StandardStreams.writeError(fullMessage(for: error) + "\n")
      if let hint = MistakeHint.text(Array(Swift.CommandLine.arguments.dropFirst())) {
        StandardStreams.writeError("  \(hint)\n")
      }
      exit(withError: ExitCode(2))
    }
  }
}
