import ArgumentParser
import Torpor
import Varlink

struct MonitorCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "monitor", abstract: "Show what happens, as it happens.",
    discussion: "Until it is ended (Ctrl-C), or torpord is.")

  @OptionGroup var manager: ManagerOptions

  @Flag(help: "Write one JSON object an event, in a line each.")
  var json = false

  func carryOut() throws {
    let client = try manager.connect()
    let style = Terminal.style
    try client.stream(.monitor, NoParameters(), as: ControlReply.Told.self) { reply in
      if json { return try Terminal.writeJSON(reply.event) }
      // It says that all that follows will be seen.
      if reply.event.event == "subscribed" { return }
      Terminal.write(EventText.render(reply.event, clock: Terminal.clock(reply.event.time), style: style))
    }
  }
}
