import Glibc
import Lifecycle
import Linux
import Torpor

// Runs one service as a unit file would have it, in the foreground and with its events as JSON, for the tests of what [Service]
// means. The settings are systemd's own; a command's words are parted by single spaces, and nothing is quoted.
//
//   unitrun LISTEN IDLE KEY=VALUE…

struct Mistake: Error { let text: String }

func command(_ value: String) -> CommandLine {
  var text = value[...]
  var command = CommandLine(path: "")
  while let first = text.first, "-:+".contains(first) {
    if first == "-" { command.ignoresFailure = true }
    if first == ":" { command.expandsVariables = false }
    if first == "+" { command.fullPrivileges = true }
    text.removeFirst()
  }
  let words = text.split(separator: " ").map(String.init)
  command.path = words.first ?? ""
  command.words = Array(words.dropFirst())
  return command
}

func number<Number: FixedWidthInteger>(_ value: String, radix: Int = 10) throws -> Number {
  guard let number = Number(value, radix: radix) else { throw Mistake(text: "'\(value)' is no number") }
  return number
}

func apply(_ key: String, _ value: String, to options: inout ServiceOptions) throws {
  switch key {
  case "Type":
    guard let kind = ExecutionSettings.Kind(rawValue: value) else { throw Mistake(text: "no type '\(value)'") }
    options.execution.kind = kind
  case "ExecCondition": options.execution.condition.append(command(value))
  case "ExecStartPre": options.execution.startPre.append(command(value))
  case "ExecStart": options.execution.start.append(command(value))
  case "ExecStartPost": options.execution.startPost.append(command(value))
  case "ExecStop": options.execution.stop.append(command(value))
  case "ExecStopPost": options.execution.stopPost.append(command(value))
  case "User": options.account = Account(named: value)
  case "Group": options.execution.group = Account.group(named: value)
  case "SupplementaryGroups":
    options.execution.supplementaryGroups = value.split(separator: " ").compactMap { UInt32($0) }
  case "WorkingDirectory": options.execution.workingDirectory = value == "~" ? .home() : .path(value)
  case "UMask": options.execution.umask = try number(value, radix: 8)
  case "Nice": options.execution.nice = try number(value)
  case "OOMScoreAdjust": options.execution.oomScoreAdjust = try number(value)
  case "LimitNOFILE":
    let limit: UInt64 = try number(value)
    options.execution.limits.append(ResourceLimit(.files, soft: limit, hard: limit))
  case "NoNewPrivileges": options.execution.noNewPrivileges = value == "yes"
  case "Environment": options.execution.environment.append(value)
  case "EnvironmentFile": options.execution.environmentFiles.append(EnvironmentFile(value))
  case "PassEnvironment": options.execution.passEnvironment.append(value)
  case "UnsetEnvironment": options.execution.unsetEnvironment.append(value)
  default: try applyRest(key, value, to: &options)
  }
}

func applyRest(_ key: String, _ value: String, to options: inout ServiceOptions) throws {
  switch key {
  case "KillMode":
    guard let mode = ExecutionSettings.KillMode(rawValue: value) else { throw Mistake(text: "no kill mode '\(value)'") }
    options.execution.killMode = mode
  case "KillSignal": options.execution.killSignal = try number(value)
  case "PIDFile": options.execution.pidFile = value
  case "GuessMainPID": options.execution.guessMainPID = value == "yes"
  case "RemainAfterExit": options.execution.remainAfterExit = value == "yes"
  case "SuccessExitStatus": options.execution.successExitStatus.codes.insert(try number(value))
  case "NotifyAccess": options.execution.notifyAccess = ExecutionSettings.NotifyAccess(rawValue: value)
  case "WatchdogSec": options.execution.watchdog = try TimeSpan.parse(value)
  case "RuntimeDirectory": options.execution.directories.append(ServiceDirectory(.runtime, value, mode: 0o750))
  case "StateDirectory": options.execution.directories.append(ServiceDirectory(.state, value, mode: 0o700))
  case "Root":
    options.execution.directoryRoots = DirectoryRoots(
      runtime: value + "/run", state: value + "/lib", cache: value + "/cache", logs: value + "/log",
      configuration: value + "/etc")
  case "RestartForceExitStatus": options.restartForcing.codes.insert(try number(value))
  case "RestartPreventExitStatus": options.restartPreventing.codes.insert(try number(value))
  case "Restart":
    guard let restart = Restart(rawValue: value) else { throw Mistake(text: "no restart policy '\(value)'") }
    options.restart = restart
  case "RuntimeMaxSec": options.runtimeMax = try TimeSpan.parse(value)
  case "TimeoutAbortSec": options.abortTimeout = try TimeSpan.parse(value)
  case "TimeoutStartFailureMode": options.startTimeoutMode = TimeoutMode(rawValue: value) ?? .terminate
  case "TimeoutStopFailureMode": options.stopTimeoutMode = TimeoutMode(rawValue: value) ?? .terminate
  case "TimeoutStartSec": options.startTimeout = try TimeSpan.parse(value)
  case "TimeoutStopSec": options.stopTimeout = try TimeSpan.parse(value)
  case "Start": options.startsAtOnce = value == "boot"
  default: throw Mistake(text: "no key '\(key)'")
  }
}

do {
  let arguments = Swift.CommandLine.arguments
  guard arguments.count >= 3 else { throw Mistake(text: "unitrun LISTEN IDLE KEY=VALUE…") }
  var options = ServiceOptions(
    name: "unit", command: [], listen: [try ListenAddress(naming: arguments[1])],
    idleTimeout: try TimeSpan.parse(arguments[2]))
  options.execution = .unitDefaults
  options.writesJSON = true
  for argument in arguments.dropFirst(3) {
    let halves = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard halves.count == 2 else { throw Mistake(text: "'\(argument)' is no KEY=VALUE") }
    try apply(halves[0], halves[1], to: &options)
  }
  try ForegroundRun.run(options)
} catch {
  StandardStreams.writeError("unitrun: \(error)\n")
  exit(1)
}
