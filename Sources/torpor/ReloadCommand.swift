import ArgumentParser
import Linux
import Torpor
import Varlink

struct ReloadCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "reload", abstract: "Read all unit files again, or have services read their configuration again.",
    discussion: """
      With names: runs the ExecReload= commands of these units' services, which have to run. Without: reads unit files. \
      Sockets of units that haven't changed stay as they are, and what runs goes on. A unit whose file has a mistake stays as \
      it was; then the exit status is 1.
      """)

  @OptionGroup var manager: ManagerOptions

  @Argument(
    help: ArgumentHelp("Units whose services read their own configuration again.", valueName: "name"),
    completion: .units)
  var names: [String] = []

  func carryOut() throws {
    let client = try manager.connect()
    guard names.isEmpty else { return try reloadServices(client) }
    let outcome = try client.call(.reload, NoParameters(), as: ReloadOutcome.self, isQuick: false)
    for (what, names) in [("new", outcome.added), ("changed", outcome.changed), ("gone", outcome.removed)] {
      for name in names { Terminal.write("\(what): \(TextStyle.clean(name))\n") }
    }
    Terminal.write("\(outcome.unchanged) unchanged\n")
    for problem in outcome.problems { StandardStreams.writeError("\(TextStyle.clean(problem))\n") }
    if !outcome.problems.isEmpty { throw ExitCode(1) }
  }

  private func reloadServices(_ client: ManagerClient) throws {
    for name in names {
      _ = try client.call(.reloadService, NameParameters(name: name), as: NoOutcome.self, isQuick: false)
      Terminal.write("\(name) has reloaded its configuration\n")
    }
  }
}
