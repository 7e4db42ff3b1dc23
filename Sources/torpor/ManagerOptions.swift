import ArgumentParser
import Glibc
import Linux
import Torpor

/// Which manager is meant.
struct ManagerOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The manager's control socket; else TORPOR_SOCKET, the user's own manager, or the system's.", valueName: "path"))
  var socket: String?

  /// Connects to it.
  func connect() throws(CommandFailure) -> ManagerClient { try ManagerClient(paths: paths) }

  /// Those that are tried, one after another: a user's own manager, and the system's.
  var paths: [String] {
    if let socket { return [socket] }
    if let path = Environment.variable("TORPOR_SOCKET"), !path.isEmpty { return [path] }
    return ((try? ManagerSettings.user()).map { [$0.controlPath] } ?? []) + [ManagerSettings.system().controlPath]
  }
}

/// Why a verb came to nothing, for the person who typed it.
struct CommandFailure: Error, CustomStringConvertible {
  let description: String
  /// 1: it couldn't be done; 2: what was typed can't be meant.
  let exitCode: Int32

  init(_ description: String, exitCode: Int32 = 1) {
    self.description = description
    self.exitCode = exitCode
  }
}

/// A verb: what it does may fail with a message.
protocol Verb: ParsableCommand {
  func carryOut() throws
}

extension Verb {
  func run() throws {
    do { try carryOut() } catch let failure as CommandFailure {
      StandardStreams.writeError("torpor: \(failure)\n")
      throw ExitCode(failure.exitCode)
    }
  }
}
