import Foundation
import Testing

/// A running `torpord` with units and directories of its own, and `torpor` to speak to it. Nothing of it outlives the test.
final class ManagerProcess {
  let process: ChildProcess
  let directory: TemporaryDirectory
  private let binaries = Binaries.built

  /// Writes the units, starts it, waits until it holds them, hands it to `body`, and stops it.
  @discardableResult
  static func run<Result>(
    _ units: [String: String], arguments: [String] = [], environment: [String: String] = [:], wrapper: [String] = [],
    body: (ManagerProcess) throws -> Result
  ) throws -> Result {
    let directory = try TemporaryDirectory()
    directory.makeWorldWritable()
    let manager = try ManagerProcess(
      units, in: directory, arguments: arguments, environment: environment, wrapper: wrapper)
    defer { manager.process.endWithDescendants() }
    do {
      let result = try body(manager)
      if manager.process.isRunning { try manager.stopGracefully() }
      return result
    } catch {
      print("--- torpord\n\(manager.process.errors.all.suffix(80).joined(separator: "\n"))\n---")
      throw error
    }
  }

  private init(
    _ units: [String: String], in directory: TemporaryDirectory, arguments: [String], environment: [String: String],
    wrapper: [String]
  ) throws {
    self.directory = directory
    try FileManager.default.createDirectory(atPath: directory.path("units"), withIntermediateDirectories: true)
    for (name, text) in units { try directory.write(text, to: "units/\(name)") }
    process = try ChildProcess(
      wrapper + [
        binaries.torpord, "--unit-path", directory.path("units"), "--runtime-directory", directory.path("run"),
        "--state-directory", directory.path("state"), "--log-directory", directory.path("log"),
      ] + arguments, environment: environment)
    guard process.errors.contains("; control at ", within: .seconds(30)) else {
      process.endWithDescendants()
      throw SystemFailure("start torpord: \(process.errors.text)")
    }
  }

  var socket: String { directory.path("run/control") }

  /// A unit's file, new or changed. `reload` makes it count.
  func write(_ text: String, to name: String) throws { try directory.write(text, to: "units/\(name)") }

  func remove(_ name: String) throws {
    try FileManager.default.removeItem(atPath: directory.path("units/\(name)"))
  }

  /// `torpor VERB …`; throws when it fails.
  @discardableResult
  func torpor(_ arguments: String...) throws -> String {
    let (status, output, errors) = try attempt(arguments)
    guard status == .exited(0) else {
      throw SystemFailure("torpor \(arguments.joined(separator: " ")): \(status): \(output)\(errors)")
    }
    return output
  }

  /// The same, whatever comes of it.
  func attempt(_ arguments: [String]) throws -> (status: ExitStatus, output: String, errors: String) {
    let command = try start(arguments)
    defer { command.killAndWait() }
    guard let status = command.waitForExit(within: .seconds(60)) else {
      throw SystemFailure("torpor \(arguments.joined(separator: " ")): no end")
    }
    // Its last words may still be in the pipes.
    guard command.output.waitForEnd(within: .seconds(5)), command.errors.waitForEnd(within: .seconds(5)) else {
      throw SystemFailure("torpor \(arguments.joined(separator: " ")): its output has no end")
    }
    return (status, command.output.text, command.errors.text)
  }

  /// A verb that goes on.
  func start(_ arguments: [String]) throws -> ChildProcess {
    try ChildProcess([binaries.torpor] + arguments, environment: ["TORPOR_SOCKET": socket, "NO_COLOR": "1"])
  }

  /// What `torpor status --json` says of a unit.
  func status(_ name: String) throws -> UnitStatus {
    try #require(try statuses().first { $0.name == name })
  }

  func statuses() throws -> [UnitStatus] {
    try torpor("status", "--json").split(separator: "\n").map {
      try JSONDecoder().decode(UnitStatus.self, from: Data($0.utf8))
    }
  }

  struct UnitStatus: Decodable {
    let name: String
    let state: String
    let connections: Int
    let wakesToday: Int
    let memoryBytes: Int?
    let pid: pid_t?
    let warnings: [String]
  }

  /// Asks again and again until a unit's state is this one.
  func waitFor(_ state: String, of names: String..., within limit: Duration = .seconds(20)) throws {
    try waitFor(state, of: names, within: limit)
  }

  func waitFor(_ state: String, of names: [String], within limit: Duration = .seconds(20)) throws {
    let deadline = Deadline(after: limit)
    while true {
      // One that isn't listed is in no state.
      let named = try statuses().filter { names.contains($0.name) }
      if named.count == names.count, named.allSatisfy({ $0.state == state }) { return }
      guard !deadline.hasPassed else {
        throw SystemFailure("\(named.map { "\($0.name): \($0.state)" }) instead of \(state) for \(names)")
      }
      usleep(20_000)
    }
  }

  /// Processes below it that belong to services.
  var services: [pid_t] {
    ProcessTable.descendants(of: process.pid).map(\.pid).filter { ProcessTable.name($0) != "torpord" }
  }

  func stopGracefully(within limit: Duration = .seconds(30)) throws {
    process.send(SIGTERM)
    let status = process.waitForExit(within: limit)
    try #require(status == .exited(0))
  }
}

extension MatrixServer.Setup {
  /// The unit of this server.
  func unit(holding endpoints: [Endpoint], idle: String, more: String = "") -> String {
    var service = "ExecStart=\(command.map(Self.quoted).joined(separator: " "))\n"
    var rest = options[...]
    while let option = rest.popFirst() {
      guard let value = rest.popFirst() else { break }
      switch option {
      case "--user": service += "User=\(value)\n"
      case "--ready" where value == "notify": service += "Type=notify\nNotifyAccess=all\n"
      default: break
      }
    }
    let sockets = endpoints.map { endpoint in
      endpoint.isDatagram
        ? "ListenDatagram=\(endpoint.host):\(endpoint.port)" : "ListenStream=\(endpoint.path ?? "\(endpoint)")"
    }
    return """
      [Socket]
      \(sockets.joined(separator: "\n"))
      [Service]
      \(service)
      [X-Idle]
      TimeoutSec=\(idle)
      MinimumUptimeSec=0
      \(more)
      """
  }

  /// As systemd's syntax has it.
  private static func quoted(_ word: String) -> String {
    let escaped = word.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"")
      .replacingOccurrences(of: "%", with: "%%").replacingOccurrences(of: "$", with: "$$")
    return "\"\(escaped)\""
  }
}
