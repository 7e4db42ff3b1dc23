import ArgumentParser
import Linux
import Torpor

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Hold the sockets of one service, in the foreground.",
    usage: """
      torpor run [-l ADDRESS]... [--idle DURATION] [--handover auto|listen-fds|adopt]
                        [--ready auto|notify] [--start] [--user USER] [--socket-mode MODE] [--env NAME=VALUE]...
                        [--name NAME] [--json]
                        [--start-timeout DURATION] [--stop-timeout DURATION] -- COMMAND [ARG...]
      """,
    discussion: """
      Holds the addresses, starts COMMAND when somebody connects, and puts it to rest when no connection has been open \
      for the idle time. COMMAND is not modified: its own bind() to a held address lands on the held socket. No connection \
      is refused, reset or dropped on the way.

      SIGTERM or SIGINT stops the service gracefully and exits with 0; a second one does so at once. Exit codes: 1 if the \
      addresses can't be held, 2 for a mistake in the arguments, 126 if COMMAND can't be executed, 127 if it isn't there.

      In the arguments of COMMAND and in --env, %{fd:NAME} is the number of the socket NAME, %{fd} that of the only one, \
      %{fds} all numbers, and %{fds:TEXT} all of them, each followed by TEXT. %% is a percent sign.

      Example: torpor run -l 127.0.0.1:6379 --idle 30min -- redis-server --port 6379
      """)

  @Option(
    name: [.customShort("l"), .customLong("listen")],
    help: ArgumentHelp(
      "Address to hold: 8080 (127.0.0.1 and ::1), 127.0.0.1:8080, [::1]:8080, *:8080, /run/x.sock; with a name for the "
        + "service to know it by: web=8080. Can be given several times.",
      valueName: "address"))
  var listen: [String] = []

  @Option(
    help: ArgumentHelp(
      "Rest after this long without a connection, in systemd's time syntax: 30min, 1h 30s, 90, infinity.",
      valueName: "duration"))
  var idle = "30min"

  @Option(
    help: ArgumentHelp(
      "How the service gets its sockets: LISTEN_FDS, adoption of its bind(), or whichever it takes.",
      valueName: "auto|listen-fds|adopt"))
  var handover = ServiceOptions.Handover.auto

  @Option(
    help: ArgumentHelp(
      "When it counts as started: it has bound its addresses, or it says READY=1 (sd_notify).",
      valueName: "auto|notify"))
  var ready = ServiceOptions.Readiness.auto

  @Flag(help: "Start it at once; it rests when it is idle.")
  var start = false

  @Option(help: ArgumentHelp("Run the service as this user (as root only).", valueName: "user"))
  var user: String?

  @Option(
    help: ArgumentHelp(
      "Who may connect to held unix paths, in octal; else everybody, until the service has bound them.",
      valueName: "mode"))
  var socketMode: String?

  @Option(
    help: ArgumentHelp("Add this to the service's environment. Can be given several times.", valueName: "name=value"))
  var env: [String] = []

  @Option(help: ArgumentHelp("What to call it; else the command's name.", valueName: "name"))
  var name: String?

  @Flag(help: "Write each event as a JSON object a line on stdout; the service's stdout then goes to stderr.")
  var json = false

  @Option(help: ArgumentHelp("Give a start up after this long.", valueName: "duration"))
  var startTimeout = "90s"

  @Option(help: ArgumentHelp("Kill the service if it runs this long after SIGTERM.", valueName: "duration"))
  var stopTimeout = "90s"

  @Argument(
    parsing: .postTerminator, help: ArgumentHelp("The service and its arguments, after --.", valueName: "command"))
  var command: [String] = []

  func run() throws {
    do {
      try ForegroundRun.run(try options())
    } catch let error as ServiceError {
      StandardStreams.writeError("torpor: \(error)\n")
      throw ExitCode(error.exitCode)
    }
  }

  private func options() throws -> ServiceOptions {
    guard let program = command.first else {
      throw mistake("a command is missing: torpor run -l 127.0.0.1:6379 -- redis-server --port 6379")
    }
    guard !listen.isEmpty else { throw mistake("an address to hold is missing: -l 127.0.0.1:6379") }
    let base = program.split(separator: "/").last.map(String.init) ?? program
    do {
      var options = ServiceOptions(
        name: name ?? base, command: command, listen: try listen.map { try ListenAddress(naming: $0) },
        idleTimeout: try TimeSpan.parse(idle))
      if let twice = repeated(options.listen) { throw mistake("\(twice) is named twice") }
      guard isName(options.name) else {
        throw mistake("'\(options.name)' can't be a name: letters, digits and . _ - : @ are allowed")
      }
      options.handover = handover
      options.environment = try env.map { try variable($0) }
      options.readiness = ready
      options.startsAtOnce = start
      options.startTimeout = try TimeSpan.parse(startTimeout)
      options.stopTimeout = try TimeSpan.parse(stopTimeout)
      options.writesJSON = json
      if let socketMode {
        guard let mode = UInt32(socketMode, radix: 8), mode <= 0o777 else {
          throw mistake("'\(socketMode)' is no mode: octal digits up to 777, as for chmod")
        }
        options.socketMode = mode
      }
      options.neverMigrates = Environment.all.contains("TORPOR_NO_MIGRATION=1")
      if let user {
        guard let account = Account(named: user) else { throw mistake("there is no user '\(user)'") }
        options.account = account
      }
      return options
    } catch let error as ListenAddress.Malformed {
      throw mistake(error.description)
    } catch let error as TimeSpan.Malformed { throw mistake(error.description) }
  }

  private func variable(_ text: String) throws -> String {
    guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
      throw mistake("'\(text)' is no NAME=VALUE")
    }
    let name = String(text[..<equals])
    guard !ServiceOptions.ownVariables.contains(name) else { throw mistake("\(name) is set by torpor itself") }
    return text
  }

  private func repeated(_ addresses: [ListenAddress]) -> String? {
    var seen: Set<String> = []
    return addresses.flatMap(\.names).first { !seen.insert($0).inserted }
  }

  /// It becomes part of a cgroup's name.
  private func isName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 100
      && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-:@".contains($0)) } && text != "."
      && text != ".."
  }
}

/// What the person asked for can't be meant.
private func mistake(_ text: String) -> ServiceError { ServiceError(text, exitCode: 2) }

extension ServiceOptions.Handover: ExpressibleByArgument {}
extension ServiceOptions.Readiness: ExpressibleByArgument {}
