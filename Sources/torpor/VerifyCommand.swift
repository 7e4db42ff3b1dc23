import ArgumentParser
import Torpor

struct VerifyCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Start services with nobody waiting, check them, and put them to rest.",
    discussion: """
      One after another: each is started, checked (VerifyCheck=) and put to rest again. One that is in use is checked as it \
      runs. The exit status is 1 if any fails.
      """)

  @OptionGroup var manager: ManagerOptions

  @Flag(help: "Write one JSON object a unit, in a line each.")
  var json = false

  @Argument(help: ArgumentHelp("The units; else all.", valueName: "name"), completion: .units)
  var names: [String] = []

  func carryOut() throws {
    let client = try manager.connect()
    let style = Terminal.style
    var failures = 0
    try client.stream(
      .verify, VerifyParameters(names: names.isEmpty ? nil : names), as: ControlReply.Verified.self
    ) { reply in
      for verification in reply.verifications {
        if !verification.passed { failures += 1 }
        if json {
          try Terminal.writeJSON(verification)
        } else {
          Terminal.write(VerificationText.render(verification, style: style))
        }
      }
    }
    if failures > 0 { throw ExitCode(1) }
  }
}
