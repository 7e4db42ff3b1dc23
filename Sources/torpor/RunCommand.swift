import ArgumentParser
import Linux
import Torpor

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Hold the sockets of one service, in the foreground.",
    usage: """
      torpor run [-l ADDRESS]... [--idle DURATION] [--handover auto|listen-fds|adopt|inetd-wait]
                        [--handover relay --to ADDRESS [--proxy-protocol v1|v2]]
                        [--handover inetd [--max-connections N]]
                        [--connections open|active] [--senses LIST] [--processing-threshold SHARE]
                        [--busy-check COMMAND] [--ignore-source ADDRESS[/BITS]]...
                        [--rest stop|freeze [--stop-after-frozen DURATION]]
                        [--ready auto|notify] [--start] [--may-kill] [--user USER] [--socket-mode MODE]
                        [--env NAME=VALUE]... [--name NAME] [--json]
                        [--start-timeout DURATION] [--stop-timeout DURATION] [--stop-signal SIGNAL]
                        -- COMMAND [ARG...]
      """,
    discussion: """
      Holds the addresses, starts COMMAND when somebody connects, and puts it to rest when no connection has been open \
      for the idle time, and it has not been at work. COMMAND is not modified: its own bind() to a held address lands on the held socket. No connection \
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
      "Address to hold: 8080 (127.0.0.1 and ::1), 127.0.0.1:8080, [::1]:8080, *:8080, udp:53, /run/x.sock, @name "
        + "(an abstract unix socket), seqpacket:/run/x.sock, dgram:/run/x.sock, fifo:/run/x; with a name for the service to "
        + "know it by: web=8080. Can be given several times.",
      valueName: "address"))
  var listen: [String] = []

  @Option(
    help: ArgumentHelp(
      "Rest after this long without a connection, in systemd's time syntax: 30min, 1h 30s, 90, infinity. "
        + "(default: 30min)",
      valueName: "duration"))
  var idle: String?

  @Option(
    help: ArgumentHelp(
      "How the service gets its sockets: LISTEN_FDS, adoption of its bind(), or whichever it takes; inetd: a process for "
        + "each connection, which is its standard input and output; inetd-wait: the listening socket as standard input; "
        + "relay: not at all, as it binds an address of its own and connections are relayed to it.",
      valueName: "auto|listen-fds|adopt|inetd|inetd-wait|relay"))
  var handover = ServiceOptions.Handover.auto

  @Option(
    help: ArgumentHelp(
      "What an open connection counts for: open keeps the service up while it is open, active only while it carries data, as "
        + "for pools that never close.", valueName: "open|active"))
  var connections = WatchOptions.Connections.open

  @Option(
    help: ArgumentHelp(
      "What keeps it up besides connections, with commas between: channels (its own other sockets), processing (processor time and "
        + "storage); connections for these alone. (default: connections,channels,processing)", valueName: "list"))
  var senses: String?

  @Option(help: ArgumentHelp("It is at work above this share of one processor.", valueName: "percent"))
  var processingThreshold = "1%"

  @Option(
    help: ArgumentHelp(
      "Ask this command whether it is idle: exit code 0 says idle, 1 busy. Run by /bin/sh as the service's user, for 5 s at most.",
      valueName: "command"))
  var busyCheck: String?

  @Option(
    help: ArgumentHelp(
      "Connections from here don't count, as those of health checks: 10.0.0.5, 192.168.0.0/16. Can be given several times.",
      valueName: "address"))
  var ignoreSource: [String] = []

  @Option(help: ArgumentHelp("With --handover relay: the address that the service binds.", valueName: "address"))
  var to: String?

  @Option(
    help: ArgumentHelp(
      "With --handover relay: begin each connection with a PROXY protocol header, which names the client.",
      valueName: "v1|v2"))
  var proxyProtocol: ProxyProtocol?

  @Option(
    help: ArgumentHelp(
      "With --handover inetd: connections at once; others wait. (default: 64)", valueName: "number"))
  var maxConnections: Int?

  @Option(
    help: ArgumentHelp(
      "When it counts as started: it has bound its addresses, or it says READY=1 (sd_notify), until which nobody reaches it. "
        + "(default: auto)",
      valueName: "auto|notify"))
  var ready: ServiceOptions.Readiness?

  @Flag(help: "Start it at once; it rests when it is idle.")
  var start = false

  @Option(
    help: ArgumentHelp(
      "How it rests: stop; or freeze its processes with their connections open, until something comes by one. freeze takes a cgroup "
        + "v2 that torpor may write.", valueName: "stop|freeze"))
  var rest = RestChoice.stop

  @Option(
    help: ArgumentHelp(
      "With --rest freeze: stop it when it has been frozen for this long. (default: infinity)", valueName: "duration"))
  var stopAfterFrozen: String?

  @Flag(
    help:
      "SIGKILL does the service no harm: where its sockets can't be steered it is killed while it is frozen, so that nobody is lost."
  )
  var mayKill = false

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

  @Option(help: ArgumentHelp("Kill the service if it runs this long after its stop signal.", valueName: "duration"))
  var stopTimeout = "90s"

  @Option(
    help: ArgumentHelp(
      "What tells the service to end, when nobody uses it: TERM, QUIT, INT, RTMIN+3; KILL for one that it does no harm.",
      valueName: "signal"))
  var stopSignal = "TERM"

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
}

/// As it is typed.
enum RestChoice: String, CaseIterable, ExpressibleByArgument { case stop, freeze }

extension ServiceOptions.Handover: ExpressibleByArgument {}
extension ServiceOptions.Readiness: ExpressibleByArgument {}
extension WatchOptions.Connections: ExpressibleByArgument {}
extension ProxyProtocol: ExpressibleByArgument {}
