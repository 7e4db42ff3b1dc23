import ArgumentParser
import Glibc
import Linux
import Torpor
import Units
import Varlink

struct AddCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "add", abstract: "Write a unit for a command, check it, and have torpord hold its sockets.",
    discussion: """
      The file is NAME.torpor in torpord's first directory of units, and yours to edit from then on. One that is there is not \
      touched. A torpord that runs reads its units again; else the next one holds it.

      Example: torpor add redis -l 127.0.0.1:6379 --idle 30min -- /usr/bin/redis-server --port 6379
      """)

  @OptionGroup var manager: ManagerOptions

  @Option(
    name: [.customShort("l"), .customLong("listen")],
    help: ArgumentHelp("Address to hold, as for 'torpor run'. Can be given several times.", valueName: "address"))
  var listen: [String] = []

  @Option(help: ArgumentHelp("Rest after this long without a connection, or infinity.", valueName: "duration"))
  var idle: String?

  @Option(help: ArgumentHelp("Run the service as this user.", valueName: "user"))
  var user: String?

  @Option(help: ArgumentHelp("The directory to write it to.", valueName: "path"))
  var directory: String?

  @Argument(help: ArgumentHelp("What to call the unit.", valueName: "name"))
  var name: String

  @Argument(
    parsing: .postTerminator, help: ArgumentHelp("The service and its arguments, after --.", valueName: "command"))
  var command: [String] = []

  func carryOut() throws {
    let draft = try draft()
    let settings = try settings()
    let directory = directory ?? settings.unitPath[0]
    let path = "\(directory)/\(name).torpor"
    do throws(Errno) { try NewFile.write(draft.text, to: path) } catch {
      throw CommandFailure("cannot write '\(path)': \(error)")
    }
    var check = UnitCheck(settings, directories: [directory])
    let isThere = check.check(name)
    for finding in check.findings { StandardStreams.writeError("\(TextStyle.clean(finding.text))\n") }
    guard isThere, !check.findings.contains(where: { $0.severity == .error }) else {
      NewFile.remove(path)
      throw CommandFailure("'\(path)' was not kept, as torpord couldn't use it")
    }
    Terminal.write("\(path) is written\n")
    try offer(path)
  }

  /// To the manager, if one runs.
  private func offer(_ path: String) throws {
    guard let client = try? manager.connect() else {
      return Terminal.write("torpord isn't running; the next one holds it\n")
    }
    let outcome = try client.call(.reload, NoParameters(), as: ReloadOutcome.self, isQuick: false)
    let described = try? client.call(.describe, NameParameters(name: name), as: ControlReply.Described.self)
    // It need not be new to torpord: its file may have been removed and written anew between two reloads.
    guard let unit = described?.unit, outcome.added.contains(name) || unit.file == path else {
      throw CommandFailure(
        "torpord has not taken it: does it read other directories? Otherwise see 'torpor status \(name)'")
    }
    guard unit.state != .invalid else {
      let reasons = unit.warnings.map { TextStyle.clean($0) }.joined(separator: "; ")
      throw CommandFailure("\(name) can't be held: \(reasons)")
    }
    Terminal.write("\(name) is held: \(unit.sockets.map { TextStyle.clean($0) }.joined(separator: ", "))\n")
  }

  private func settings() throws -> ManagerSettings {
    do throws(ServiceError) { return Account.effectiveUser != 0 ? try .user() : .system() } catch {
      throw CommandFailure(error.description, exitCode: error.exitCode)
    }
  }

  private func draft() throws -> UnitDraft {
    guard let unit = UnitName("\(name).torpor"), !unit.isTemplate else {
      throw CommandFailure(
        "'\(name)' can't be the name of a unit: letters, digits and : - _ . \\ @ are allowed", exitCode: 2)
    }
    guard let program = command.first else {
      throw CommandFailure(
        "a command is missing: torpor add redis -l 127.0.0.1:6379 -- /usr/bin/redis-server", exitCode: 2)
    }
    guard program.hasPrefix("/") || !program.contains("/") else {
      throw CommandFailure("name '\(program)' from / on: torpord has another working directory", exitCode: 2)
    }
    guard !listen.isEmpty else { throw CommandFailure("an address to hold is missing: -l 127.0.0.1:6379", exitCode: 2) }
    do {
      if let idle { _ = try TimeSpan.parse(idle) }
      let addresses = try listen.map { try ListenAddress(naming: $0) }
      guard Set(addresses.map(\.name)).count == 1 else {
        throw CommandFailure("one unit file has one name for its sockets; write a .socket file for each", exitCode: 2)
      }
      return UnitDraft(listen: addresses, command: command, idle: idle, user: user)
    } catch let error as ListenAddress.Malformed {
      throw CommandFailure(error.description, exitCode: 2)
    } catch let error as TimeSpan.Malformed { throw CommandFailure(error.description, exitCode: 2) }
  }
}
