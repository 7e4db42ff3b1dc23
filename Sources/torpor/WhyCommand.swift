import ArgumentParser
import Torpor

struct WhyCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "why", abstract: "Explain why a unit is awake, or isn't.",
    discussion: """
      Of a running one: what each sense sees, with its evidence, and when it could rest at the soonest. Of one that isn't \
      running: why it rested, when, and what would wake it.
      """)

  @OptionGroup var manager: ManagerOptions

  @Flag(help: "Write a JSON object.")
  var json = false

  @Argument(help: ArgumentHelp("The unit.", valueName: "name"), completion: .units)
  var name: String

  func carryOut() throws {
    let client = try manager.connect()
    let explanation = try client.call(.explain, NameParameters(name: name), as: ControlReply.Explained.self)
      .explanation
    if json { return try Terminal.writeJSON(explanation) }
    Terminal.write(UnitText.explain(explanation, now: Terminal.now, style: Terminal.style))
  }
}
