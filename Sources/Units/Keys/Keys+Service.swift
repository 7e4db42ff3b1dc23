extension Keys {
  static let service: [Key] = [
    .implemented(
      "Service", "Type", "simple, exec, notify, forking, oneshot", default: "simple",
      """
      When the service counts as started: simple and exec, when its sockets are taken, or when it has lived for a while (0.1 s to \
      5 s) where nobody waits; at READY=1; when its first process has ended and left it behind; when its commands have ended.
      """
    ) { fragment, value throws(ValueError) in
      fragment.service.kind = try value.word(refused: [
        "dbus": "no bus is watched; Type=notify or Type=simple may do",
        "idle": "there is no boot to wait for; Type=simple is the same otherwise",
        "notify-reload": "it is of systemd 253 and later; Type=notify with ExecReload= may do",
      ])
    },
    .implemented(
      "Service", "Restart", "no, always, on-success, on-failure, on-abnormal, on-abort, on-watchdog", default: "no",
      "Whether a service that ended by itself is started again although nobody waits. One that somebody waits for is, in any case."
    ) { fragment, value throws(ValueError) in
      fragment.service.restart = try value.word()
    },
    .implemented(
      "Service", "SuccessExitStatus", "exit codes and signals",
      "Further ways of ending that are a success, besides 0 and SIGHUP, SIGINT, SIGTERM and SIGPIPE."
    ) { fragment, value throws(ValueError) in
      try exitStatus(value, into: &fragment.service.successExitStatus)
    },
    .implemented(
      "Service", "RestartPreventExitStatus", "exit codes and signals",
      "Ends that Restart= doesn't apply to. Who waits for the service starts it nonetheless."
    ) { fragment, value throws(ValueError) in
      try exitStatus(value, into: &fragment.service.restartPreventExitStatus)
    },
    .implemented(
      "Service", "RestartForceExitStatus", "exit codes and signals",
      "Ends after which the service is started again whatever Restart= says, unless RestartPreventExitStatus= names them, too."
    ) { fragment, value throws(ValueError) in
      try exitStatus(value, into: &fragment.service.restartForceExitStatus)
    },
    .implemented(
      "Service", "RemainAfterExit", "boolean", default: "no",
      "It counts as running when all of its processes have ended well."
    ) { fragment, value throws(ValueError) in
      fragment.service.remainAfterExit = try value.boolean()
    },
    .implemented(
      "Service", "PIDFile", "path",
      "The file that names the main process of Type=forking; below /run/ if it isn't absolute."
    ) { fragment, value throws(ValueError) in
      let path = try value.string()
      let runtime = value.specifiers["t"] ?? "/run"
      fragment.service.pidFile = try PathSyntax.plain(
        path.utf8.first == UInt8(ascii: "/") ? path : "\(runtime)/\(path)")
    },
    .implemented(
      "Service", "GuessMainPID", "boolean", default: "yes",
      "Whether the main process of Type=forking is guessed where there is no PIDFile=."
    ) { fragment, value throws(ValueError) in
      fragment.service.guessMainPID = try value.boolean()
    },
    .implemented(
      "Service", "NotifyAccess", "none, main, exec, all",
      "Whose notifications are taken: none, the main process's, also the commands', every process's. Default: main where one is waited for, else none."
    ) { fragment, value throws(ValueError) in
      fragment.service.notifyAccess = try value.word()
    },
    .implemented(
      "Service", "Sockets", "socket units",
      "Further socket units whose sockets the service is given, besides the one of its own name."
    ) { fragment, value throws(ValueError) in
      for word in try value.words() {
        let name = try value.string(word)
        guard UnitName(name)?.kind == .socket else {
          throw ValueError("'\(name)' is not the name of a socket unit (NAME.socket)", at: word.offset)
        }
        fragment.service.sockets.append(name)
      }
    },
  ]

  private static func exitStatus(_ value: Value, into set: inout ExitStatusSet) throws(ValueError) {
    for word in try value.words() where !set.insert(word.text) {
      throw ValueError("'\(word.text)' is neither an exit code from 0 to 255, its name, nor a signal", at: word.offset)
    }
  }

  static let serviceTimes: [Key] = [
    .implemented(
      "Service", "RestartSec", "time span", default: "100ms", "How long to wait before a start that Restart= asks for."
    ) { fragment, value throws(ValueError) in
      fragment.service.restartDelay = try value.timeSpan()
    },
    .implemented(
      "Service", "TimeoutStartSec", "time span", default: "90s",
      "A start that isn't done by then has failed. 0 or infinity: no limit, which is the default of Type=oneshot."
    ) { fragment, value throws(ValueError) in
      fragment.service.timeoutStart = try value.timeout()
      fragment.service.hasTimeoutStart = true
    },
    .implemented(
      "Service", "TimeoutStopSec", "time span", default: "90s",
      "What still runs this long after the service was told to stop is ended by FinalKillSignal=. 0 or infinity: no limit."
    ) { fragment, value throws(ValueError) in
      fragment.service.timeoutStop = try value.timeout()
    },
    .implemented("Service", "TimeoutSec", "time span", "Both TimeoutStartSec= and TimeoutStopSec=.") {
      fragment, value throws(ValueError) in
      let timeout = try value.timeout()
      fragment.service.timeoutStart = timeout
      fragment.service.timeoutStop = timeout
      fragment.service.hasTimeoutStart = true
    },
    .implemented(
      "Service", "TimeoutAbortSec", "time span",
      "What still runs this long after the service was aborted by WatchdogSignal=, which may take its time to dump core, is ended by FinalKillSignal=. Default: TimeoutStopSec=."
    ) { fragment, value throws(ValueError) in
      fragment.service.timeoutAbort = .some(try value.timeout())
    },
    .implemented(
      "Service", "TimeoutStartFailureMode", "terminate, abort, kill", default: "terminate",
      "What is done to a service whose start takes too long: it is told to stop, aborted by WatchdogSignal=, or killed."
    ) { fragment, value throws(ValueError) in
      fragment.service.timeoutStartFailureMode = try value.word()
    },
    .implemented(
      "Service", "TimeoutStopFailureMode", "terminate, abort, kill", default: "terminate",
      "The same for one whose stop takes too long. It has been told already, so that terminate and kill are the same."
    ) { fragment, value throws(ValueError) in
      fragment.service.timeoutStopFailureMode = try value.word()
    },
    .implemented(
      "Service", "RuntimeMaxSec", "time span", default: "infinity",
      "A service that has run this long since it was ready is told to stop, whoever uses it, and has failed. Not for Type=oneshot."
    ) { fragment, value throws(ValueError) in
      let span = try value.timeSpan()
      guard span != .zero else { throw ValueError("0 would end it at once; infinity is no limit") }
      fragment.service.runtimeMax = span
    },
    .implemented(
      "Service", "WatchdogSec", "time span", default: "0",
      "A service that doesn't send WATCHDOG=1 at least this often has failed. 0 or infinity: it needn't."
    ) { fragment, value throws(ValueError) in
      fragment.service.watchdog = try value.timeout()
    },
  ]

  static let serviceOthers: [Key] = [
    Key.others("Service", .ignored("no bus is watched; a client of the bus doesn't wake the service"), "BusName"),
    Key.others(
      "Service", .ignored("RuntimeMaxSec= is kept to as it is"), harmless: ["0"], "RuntimeRandomizedExtraSec"),
    Key.others("Service", .ignored("the service ends with its main process"), harmless: ["main"], "ExitType"),
    Key.others(
      "Service", .ignored("use the prefix '+' for commands that need it"), harmless: ["no"],
      "PermissionsStartOnly RootDirectoryStartOnly"),
    Key.others(
      "Service", .ignored("sockets are passed as they are, and nearly every server sets this by itself"),
      harmless: ["no"],
      "NonBlocking"),
    Key.others(
      "Service", .ignored("descriptors of the service are not stored"), harmless: ["0"], "FileDescriptorStoreMax"),
    Key.others("Service", .refused("there are no USB gadgets"), "USBFunctionDescriptors USBFunctionStrings"),
    Key.others(
      "Service", .ignored("what the kernel kills for want of memory is told as any other failure"), "OOMPolicy"),
    Key.others(
      "Service", .ignored("no action is taken on the machine"), harmless: ["none"],
      "StartLimitAction FailureAction RebootArgument"),
    [
      // Their place of old.
      .implemented(
        "Service", "StartLimitInterval", "time span", "The old place and spelling of StartLimitIntervalSec= in [Unit]."
      ) {
        fragment, value throws(ValueError) in
        fragment.unit.startLimitInterval = try value.timeout()
      },
      .implemented("Service", "StartLimitBurst", "number", "The old place of StartLimitBurst= in [Unit].") {
        fragment, value throws(ValueError) in
        fragment.unit.startLimitBurst = try value.unsigned()
      },
    ],
  ].flatMap { $0 }
}
