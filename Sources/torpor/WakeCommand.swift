import ArgumentParser
import Torpor

struct WakeCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "wake", abstract: "Start a unit's service, and wait until it serves.",
    discussion: "It rests when it has been idle for its time, as if somebody had connected.")

  @OptionGroup var manager: ManagerOptions

  @Argument(help: ArgumentHelp("The unit.", valueName: "name"), completion: .units)
  var name: String

  func carryOut() throws {
    let client = try manager.connect()
    let outcome = try client.call(.wake, NameParameters(name: name), as: WakeOutcome.self, isQuick: false)
    if outcome.wasRunning { return Terminal.write("\(name) is running already\n") }
    let time = outcome.milliseconds.map { " after \(TimeSpan.describe(.microseconds($0 * 1000)))" } ?? ""
    Terminal.write("\(name) serves\(time)\n")
  }
}
