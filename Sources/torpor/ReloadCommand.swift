import ArgumentParser
import Linux
import Torpor
import Varlink

struct ReloadCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "reload", abstract: "Read all unit files again.",
    discussion: """
      Sockets of units that haven't changed stay as they are, and what runs goes on. A unit whose file has a mistake stays as \
      it was; then the exit status is 1.
      """)

  @OptionGroup var manager: ManagerOptions

  func carryOut() throws {
    let client = try manager.connect()
    let outcome = try client.call(.reload, NoParameters(), as: ReloadOutcome.self, isQuick: false)
    for (what, names) in [("new", outcome.added), ("changed", outcome.changed), ("gone", outcome.removed)] {
      for name in names { Terminal.write("\(what): \(TextStyle.clean(name))\n") }
    }
    Terminal.write("\(outcome.unchanged) unchanged\n")
    for problem in outcome.problems { StandardStreams.writeError("\(TextStyle.clean(problem))\n") }
    if !outcome.problems.isEmpty { throw ExitCode(1) }
  }
}
