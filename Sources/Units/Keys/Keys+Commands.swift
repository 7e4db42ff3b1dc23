extension Keys {
  private static func command(
    _ section: String, _ name: String, _ meaning: String,
    _ path: any WritableKeyPath<Fragment, [Command]> & Sendable
  ) -> Key {
    .implemented(section, name, "commands", meaning) { fragment, value throws(ValueError) in
      fragment[keyPath: path] += try value.commands()
    }
  }

  static let commands: [Key] = [
    command(
      "Service", "ExecStart",
      "The command that is the service. One, but with Type=oneshot, which may have several or none.",
      \.service.execStart),
    command(
      "Service", "ExecCondition",
      "Run before all others. Exit status 1 to 254: the service isn't started, and hasn't failed.",
      \.service.execCondition),
    command(
      "Service", "ExecStartPre", "Run before ExecStart=, one after the other. A failure fails the start.",
      \.service.execStartPre),
    command("Service", "ExecStartPost", "Run when the service is ready.", \.service.execStartPost),
    command(
      "Service", "ExecReload", "Run to make the service read its configuration again; $MAINPID is its main process.",
      \.service.execReload),
    command(
      "Service", "ExecStop", "Run to stop the service, before KillSignal=; it should wait until the service has ended.",
      \.service.execStop),
    command(
      "Service", "ExecStopPost", "Run when the service has ended, by whatever means; $SERVICE_RESULT says how.",
      \.service.execStopPost),
  ]

  static let socketCommands: [Key] = [
    command(
      "Socket", "ExecStartPre",
      "Run before the sockets are made. A failure: they are not, and the unit is invalid until the next reload.",
      \.socketCommands.startPre),
    command(
      "Socket", "ExecStartPost",
      "Run when they are made; clients that come meanwhile wait. A failure: they are closed again, and the unit is invalid.",
      \.socketCommands.startPost),
    command("Socket", "ExecStopPre", "Run before they are closed.", \.socketCommands.stopPre),
    command("Socket", "ExecStopPost", "Run when they are closed.", \.socketCommands.stopPost),
    .implemented(
      "Socket", "TimeoutSec", "time span", default: "90s",
      "How long the commands of each of these keys may take together; then they are told to end, and after as long again killed. 0 or infinity: no limit."
    ) { fragment, value throws(ValueError) in
      fragment.socketCommands.timeout = try value.timeout()
    },
    .implemented("Socket", "KillSignal", "signal", default: "SIGTERM", "What tells a command to end.") {
      fragment, value throws(ValueError) in
      fragment.socketCommands.killSignal = try value.signal()
    },
  ]
}
