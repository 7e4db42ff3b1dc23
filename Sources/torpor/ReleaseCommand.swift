import ArgumentParser
import Torpor

struct ReleaseCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "release", abstract: "End a unit's holds.",
    discussion: "Then it rests when it has been idle for its time. 'torpor status' shows holds and their numbers.")

  @OptionGroup var manager: ManagerOptions

  @Option(help: ArgumentHelp("Only the hold of this number.", valueName: "number"))
  var id: Int?

  @Argument(help: ArgumentHelp("The unit.", valueName: "name"), completion: .units)
  var name: String

  func carryOut() throws {
    let client = try manager.connect()
    let released = try client.call(
      .release, ReleaseParameters(name: name, id: id), as: ControlReply.Released.self
    ).released
    if let id, released == 0 { throw CommandFailure("\(name) has no hold \(id)") }
    Terminal.write("\(name): \(released) hold\(released == 1 ? "" : "s") ended\n")
  }
}
