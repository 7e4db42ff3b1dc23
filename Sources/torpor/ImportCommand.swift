import ArgumentParser
import Glibc
import Linux
import Torpor
import Units

struct ImportCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Copy units of systemd for torpord, and say what of them won't apply.",
    discussion: """
      Of each, NAME.service, its sockets and their drop-ins are copied into torpord's first directory of units, under their own \
      names and as they are; they are yours to edit from then on. A file that is there is not touched. What torpord would do \
      otherwise than systemd is told by file, line and column. A unit that it couldn't use is not copied; then, or if there \
      is none of that name, the exit status is 1.

      A service that has no socket gets one by -l. One that systemd starts, too, is warned of: both would hold its sockets. \
      Nothing is held until 'torpor reload'.

      Example: torpor import redis-server -l 127.0.0.1:6379 -l '[::1]:6379'
      """)

  @Flag(name: .customLong("user"), help: "Units of a user, for a user's own manager, as root, too.")
  var isUser = false

  @Option(
    name: [.customShort("l"), .customLong("listen")],
    help: ArgumentHelp(
      "Address to hold for a service without a socket, as for 'torpor run'. Can be given several times.",
      valueName: "address"))
  var listen: [String] = []

  @Option(
    name: .customLong("from"),
    help: ArgumentHelp(
      "A directory of systemd's units, instead of its usual ones. Can be given several times.", valueName: "directory"))
  var sources: [String] = []

  @Option(help: ArgumentHelp("The directory to copy to.", valueName: "path"))
  var directory: String?

  @Flag(name: .customLong("dry-run"), help: "Say what would be copied, and copy nothing.")
  var isDryRun = false

  @Argument(help: ArgumentHelp("Services or sockets, as systemctl(1) takes them.", valueName: "unit"))
  var units: [String]

  func carryOut() throws {
    let settings = try settings()
    let addresses = try addresses()
    guard addresses.isEmpty || units.count == 1 else {
      throw CommandFailure("-l is for one unit: import each with its own", exitCode: 2)
    }
    let from = sources.isEmpty ? settings.systemdPath : sources
    let target = directory ?? settings.unitPath[0]
    for path in from + [target] where !path.hasPrefix("/") {
      throw CommandFailure("'\(path)' is not an absolute path", exitCode: 2)
    }
    var exitCode: Int32 = 0
    var imported: [String] = []
    for unit in units {
      do throws(ServiceError) {
        imported.append(try copy(UnitImport(unit, listen: addresses, from: from, to: target, settings)))
      } catch {
        StandardStreams.writeError("torpor: \(TextStyle.clean(error.description))\n")
        exitCode = max(exitCode, error.exitCode)
      }
    }
    if isDryRun {
      Terminal.write("nothing was written\n")
    } else if !imported.isEmpty {
      Terminal.write("'torpor reload' has torpord hold \(imported.joined(separator: ", "))\n")
    }
    if exitCode != 0 { throw ExitCode(exitCode) }
  }

  /// Returns its name.
  private func copy(_ unit: UnitImport) throws(ServiceError) -> String {
    for finding in unit.findings {
      for line in finding.text.split(separator: "\n") {
        StandardStreams.writeError("\(TextStyle.clean(String(line)))\n")
      }
    }
    guard unit.isUsable else { throw ServiceError("\(unit.name) is not imported, as torpord couldn't use it") }
    if !isDryRun { try unit.write() }
    for file in unit.files {
      let source = file.source.map { ", from \($0)" } ?? ""
      let verb = file.isThere ? "is there already" : isDryRun ? "would be written\(source)" : "is written\(source)"
      Terminal.write("\(TextStyle.clean(file.path)) \(verb)\n")
    }
    warn(unit)
    return unit.name
  }

  private func warn(_ unit: UnitImport) {
    guard !unit.enablements.isEmpty else { return }
    // What a package's own directory enables, disable doesn't take back.
    let isFixed = unit.enablements.contains { $0.hasPrefix("/lib/") || $0.hasPrefix("/usr/lib/") }
    let names = unit.systemdUnits.joined(separator: " ")
    StandardStreams.writeError(
      """
      torpor: warning: systemd starts \(unit.name), too (\(unit.enablements.joined(separator: ", "))), and both would hold \
      its sockets; first: systemctl \(isUser ? "--user " : "")\(isFixed ? "mask" : "disable") --now \(names)\n
      """)
  }

  private func settings() throws -> ManagerSettings {
    do throws(ServiceError) { return isUser || Account.effectiveUser != 0 ? try .user() : .system() } catch {
      throw CommandFailure(error.description, exitCode: error.exitCode)
    }
  }

  private func addresses() throws -> [ListenAddress] {
    do {
      let addresses = try listen.map { try ListenAddress(naming: $0) }
      guard Set(addresses.map(\.name)).count <= 1 else {
        throw CommandFailure("one socket unit has one name for its sockets: edit the copy instead", exitCode: 2)
      }
      return addresses
    } catch let error as ListenAddress.Malformed { throw CommandFailure(error.description, exitCode: 2) }
  }
}
