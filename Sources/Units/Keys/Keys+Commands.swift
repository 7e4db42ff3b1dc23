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
    command("Socket", "ExecStartPre", "Run before the sockets are made.", \.socket.execStartPre),
    command("Socket", "ExecStartPost", "Run when the sockets are held.", \.socket.execStartPost),
    command("Socket", "ExecStopPre", "Run before the sockets are closed for good.", \.socket.execStopPre),
    command("Socket", "ExecStopPost", "Run when the sockets are closed for good.", \.socket.execStopPost),
    .implemented(
      "Socket", "TimeoutSec", "time span", default: "90s",
      "How long each of these commands may take. 0 or infinity: for ever."
    ) { fragment, value throws(ValueError) in
      fragment.socket.timeout = try value.timeout()
    },
  ]
}
