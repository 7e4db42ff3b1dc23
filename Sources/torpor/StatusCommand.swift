import ArgumentParser
import Torpor
import Varlink

struct StatusCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show the units, or one of them in full.",
    discussion: """
      A line a unit: what state it is in and since when, how many clients are connected or wait, when it could rest if \
      nothing happens, how often it was started today, and its memory. Below are failures, holds and warnings. On a \
      terminal, lines are cut to its width (COLUMNS), and there are colours unless NO_COLOR is set.
      """)

  @OptionGroup var manager: ManagerOptions

  @Flag(help: "Write one JSON object a unit, in a line each.")
  var json = false

  @Argument(
    help: ArgumentHelp("The unit to show in full; else all are listed.", valueName: "name"), completion: .units)
  var name: String?

  func carryOut() throws {
    let client = try manager.connect()
    if let name {
      let described = try client.call(.describe, NameParameters(name: name), as: ControlReply.Described.self)
      if json { return try Terminal.writeJSON(described) }
      return Terminal.write(
        UnitText.describe(described.unit, described.settings, now: Terminal.now, style: Terminal.style))
    }
    var units: [UnitStatus] = []
    try client.stream(.list, NoParameters(), as: ControlReply.Units.self, isQuick: true) { units += $0.units }
    if json { return try units.forEach { try Terminal.writeJSON($0) } }
    Terminal.write(StatusTable.render(units, now: Terminal.now, style: Terminal.style))
  }
}
