import ArgumentParser
import Torpor

struct RestCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "rest", abstract: "Put a unit's service to rest without waiting for its idle time.",
    discussion: """
      Waits until no process is left. It isn't done while the service is in use or held: 'torpor why' tells by whom. No \
      connection is lost: the next one wakes it again.
      """)

  @OptionGroup var manager: ManagerOptions

  @Argument(help: ArgumentHelp("The unit.", valueName: "name"), completion: .units)
  var name: String

  func carryOut() throws {
    let client = try manager.connect()
    let outcome = try client.call(.rest, NameParameters(name: name), as: RestOutcome.self, isQuick: false)
    if outcome.wasDormant { return Terminal.write("\(name) isn't running\n") }
    Terminal.write("\(name) rests\(outcome.bytesGivenBack.map { "; \(TextStyle.bytes($0)) given back" } ?? "")\n")
  }
}
