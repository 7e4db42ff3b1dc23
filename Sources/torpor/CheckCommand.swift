import ArgumentParser
import Glibc
import Linux
import Torpor
import Units

struct CheckCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Check unit files, without holding or starting anything.",
    discussion: """
      Tells what is wrong in each, by file, line and column, and what they ask for that isn't done. Of a file that is named, \
      the other files of its unit are read, too: those of the same name in its directory and their drop-ins. The exit status \
      is 1 if there is an error.
      """)

  @Flag(name: .customLong("user"), help: "As a user's own manager would read them, as root, too.")
  var isUser = false

  @Option(
    name: .customLong("unit-path"),
    help: ArgumentHelp(
      "A directory of units, instead of the manager's. Can be given several times, as for torpord.",
      valueName: "directory"))
  var unitPath: [String] = []

  @Flag(help: "Protections that wouldn't be applied are errors.")
  var strict = false

  @Argument(
    help: ArgumentHelp("Unit files; else all in the manager's directories.", valueName: "file"),
    completion: .file(extensions: ["torpor", "socket", "service"]))
  var files: [String] = []

  func carryOut() throws {
    var settings: ManagerSettings
    do throws(ServiceError) {
      settings = isUser || Account.effectiveUser != 0 ? try .user() : .system()
    } catch { throw CommandFailure(error.description, exitCode: error.exitCode) }
    settings.isStrict = strict
    if let path = unitPath.first(where: { !$0.hasPrefix("/") }) {
      throw CommandFailure("'\(path)' is not an absolute path", exitCode: 2)
    }
    if !unitPath.isEmpty { settings.unitPath = unitPath }
    var findings: [UnitCheck.Finding] = []
    var unitCount = 0
    if files.isEmpty {
      var check = UnitCheck(settings)
      check.checkAll()
      (findings, unitCount) = (check.findings, check.unitCount)
    }
    for file in files {
      let (directory, name) = try place(of: file)
      var check = UnitCheck(settings, directories: [directory])
      guard check.check(name) else {
        throw CommandFailure("there is no unit '\(name)' in '\(directory)': it needs \(name).torpor or \(name).socket")
      }
      findings += check.findings
      unitCount += check.unitCount
    }
    tell(findings, unitCount)
    if findings.contains(where: { $0.severity == .error }) { throw ExitCode(1) }
  }

  /// Its directory, and the unit's name without a suffix.
  private func place(of file: String) throws -> (directory: String, name: String) {
    guard ProcessFiles.exists(file) else { throw CommandFailure("there is no file '\(file)'") }
    guard let base = file.split(separator: "/").last, let name = UnitName(String(base)) else {
      throw CommandFailure("'\(file)' isn't named as a unit is: NAME.torpor, NAME.socket or NAME.service", exitCode: 2)
    }
    var directory = file.dropLast(base.count)
    if directory.hasPrefix("/") {
      while directory.count > 1, directory.last == "/" { directory.removeLast() }
      return (String(directory), name.stem)
    }
    while directory.last == "/" { directory.removeLast() }
    guard let current = ProcessFiles.target(of: "/proc/self/cwd") else {
      throw CommandFailure("cannot tell which directory this is; name the files from / on")
    }
    return (directory.isEmpty ? current : "\(current)/\(directory)", name.stem)
  }

  private func tell(_ findings: [UnitCheck.Finding], _ unitCount: Int) {
    for finding in findings {
      for line in finding.text.split(separator: "\n") { Terminal.write(TextStyle.clean(String(line)) + "\n") }
    }
    func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
    let errors = findings.count { $0.severity == .error }
    let warnings = findings.count { $0.severity == .warning }
    Terminal.write("\(count(unitCount, "unit")): \(count(errors, "error")), \(count(warnings, "warning"))\n")
  }
}
