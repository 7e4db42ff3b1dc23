/// A way to what is written: of the service's processes, or of a socket unit's commands.
typealias ProcessPath = any WritableKeyPath<Fragment, ProcessSettings> & Sendable

extension Keys {
  static func process(_ section: String, _ path: ProcessPath) -> [Key] {
    [
      .implemented(
        section, "User", "user", "Who the processes run as: a name or a number. Default: whoever runs the manager."
      ) {
        fragment, value throws(ValueError) in
        fragment[keyPath: path].user = try value.account()
      },
      .implemented(section, "Group", "group", "Their group. Default: that of User=.") {
        fragment, value throws(ValueError) in
        fragment[keyPath: path].group = try value.account()
      },
      .implemented(section, "SupplementaryGroups", "groups", "Further groups, besides those that User= is in.") {
        fragment, value throws(ValueError) in
        fragment[keyPath: path].supplementaryGroups += try value.accounts()
      },
      .implemented(
        section, "WorkingDirectory", "path or ~",
        "Where they begin; ~ is the home directory of User=. With '-' in front it may be missing. Default: the root directory; of a user's manager: ~."
      ) { fragment, value throws(ValueError) in
        fragment[keyPath: path].workingDirectory = try workingDirectory(value)
      },
      .implemented(section, "UMask", "mode", default: "0022", "The mode bits that files are made without.") {
        fragment, value throws(ValueError) in
        fragment[keyPath: path].umask = try value.mode()
      },
      .implemented(section, "Nice", "-20 to 19", "The nice level.") { fragment, value throws(ValueError) in
        fragment[keyPath: path].nice = try value.integer(-20...19)
      },
      .implemented(
        section, "OOMScoreAdjust", "-1000 to 1000", "How soon the kernel kills it for want of memory; -1000: never."
      ) { fragment, value throws(ValueError) in
        fragment[keyPath: path].oomScoreAdjust = try value.integer(-1000...1000)
      },
      .implemented(
        section, "IOSchedulingClass", "none, realtime, best-effort, idle",
        "The class of its disk accesses, ioprio_set(2)."
      ) {
        fragment, value throws(ValueError) in
        // The numbers are the kernel's.
        if let number = NumberSyntax.unsigned(value.text), number < 4 {
          fragment[keyPath: path].ioClass = ProcessSettings.IOClass.allCases[Int(number)]
        } else {
          fragment[keyPath: path].ioClass = try value.word()
        }
      },
      .implemented(section, "IOSchedulingPriority", "0 to 7", "Their priority within the class; 0 comes first.") {
        fragment, value throws(ValueError) in
        fragment[keyPath: path].ioPriority = try value.integer(0...7)
      },
      .implemented(
        section, "NoNewPrivileges", "boolean", default: "no", "They and what they start can't gain privileges by exec."
      ) {
        fragment, value throws(ValueError) in
        fragment[keyPath: path].noNewPrivileges = try value.boolean()
      },
      .implemented(section, "IgnoreSIGPIPE", "boolean", default: "yes", "Whether SIGPIPE is ignored at their start.") {
        fragment, value throws(ValueError) in
        fragment[keyPath: path].ignoresSIGPIPE = try value.boolean()
      },
      .implemented(
        section, "StandardInput", "null, socket", default: "null",
        "The standard input. socket: the connection of Accept=yes, or the only held socket, as with Handover=inetd-wait."
      ) { fragment, value throws(ValueError) in
        fragment[keyPath: path].standardInput = try standardInput(value)
      },
      .implemented(
        section, "StandardOutput", "inherit, null, journal, socket, file:PATH, append:PATH, truncate:PATH",
        default: "journal",
        "The standard output. journal: the service's log. inherit: as the standard input."
      ) { fragment, value throws(ValueError) in
        fragment[keyPath: path].standardOutput = try standardOutput(&value)
      },
      .implemented(
        section, "StandardError", "as StandardOutput=", default: "inherit",
        "The standard error. inherit: as the standard output."
      ) { fragment, value throws(ValueError) in
        fragment[keyPath: path].standardError = try standardOutput(&value)
      },
      .implemented(
        section, "SyslogIdentifier", "text", "What the journal calls its output. Default: the name of the unit."
      ) {
        fragment, value throws(ValueError) in
        fragment[keyPath: path].syslogIdentifier = try value.string()
      },
    ]
  }

  private static func workingDirectory(_ value: Value) throws(ValueError) -> ProcessSettings.WorkingDirectory {
    let isOptional = value.text.utf8.first == UInt8(ascii: "-")
    let text = try value.string()
    let place = isOptional ? String(text.dropFirst()) : text
    if place == "~" { return .init(place: .home, isOptional: isOptional) }
    return .init(place: .path(try PathSyntax.plain(place)), isOptional: isOptional)
  }

  private static func standardInput(_ value: Value) throws(ValueError) -> ProcessSettings.StandardInput {
    switch value.text {
    case "null": return .null
    case "socket": return .socket
    case let text where text.hasPrefix("file:"):
      throw ValueError("'\(text)' is not supported: a command can read a file by its path")
    case let text where text.hasPrefix("tty"): throw ValueError("'\(text)' is not supported: a service has no terminal")
    case let text where text == "data" || text.hasPrefix("fd:"):
      throw ValueError("'\(text)' is not supported: a command can read a file by its path")
    case let text: throw ValueError("'\(text)' is neither null nor socket")
    }
  }

  private static func standardOutput(_ value: inout Value) throws(ValueError) -> ProcessSettings.StandardOutput {
    func path(_ prefix: String) throws(ValueError) -> String {
      try PathSyntax.plain(String(try value.string().dropFirst(prefix.utf8.count)))
    }
    switch value.text {
    case "inherit": return .inherit
    case "null": return .null
    case "journal": return .journal
    case "socket": return .socket
    case let text where text.hasPrefix("file:"): return .file(try path("file:"))
    case let text where text.hasPrefix("append:"): return .append(try path("append:"))
    case let text where text.hasPrefix("truncate:"): return .truncate(try path("truncate:"))
    case "syslog", "kmsg", "journal+console", "kmsg+console", "syslog+console":
      value.warnings.append(
        ValueError("'\(value.text)' is taken for 'journal': output goes to the service's log alone"))
      return .journal
    case let text where text.hasPrefix("tty"): throw ValueError("'\(text)' is not supported: a service has no terminal")
    case let text where text.hasPrefix("fd:"):
      throw ValueError(
        "'\(text)' is not supported: sockets are given names by FileDescriptorName= and taken by LISTEN_FDS")
    case let text:
      throw ValueError("'\(text)' is none of inherit, null, journal, socket, file:PATH, append:PATH, truncate:PATH")
    }
  }

  static func killing(_ section: String, _ path: any WritableKeyPath<Fragment, KillSettings> & Sendable) -> [Key] {
    [
      .implemented(
        section, "KillMode", "control-group, mixed, process, none", default: "control-group",
        "Who is told to end: all processes; the main one, and the rest are killed then; only the main one; nobody."
      ) { fragment, value throws(ValueError) in
        fragment[keyPath: path].mode = try value.word()
      },
      .implemented(section, "KillSignal", "signal", default: "SIGTERM", "What tells it to end.") {
        fragment, value throws(ValueError) in
        fragment[keyPath: path].signal = try value.signal()
      },
      .implemented(
        section, "RestartKillSignal", "signal", "The same where it will be started again at once. Default: KillSignal=."
      ) {
        fragment, value throws(ValueError) in
        fragment[keyPath: path].restartSignal = try value.signal()
      },
      .implemented(section, "FinalKillSignal", "signal", default: "SIGKILL", "What ends it after TimeoutStopSec=.") {
        fragment, value throws(ValueError) in
        fragment[keyPath: path].finalSignal = try value.signal()
      },
      .implemented(
        section, "WatchdogSignal", "signal", default: "SIGABRT", "What ends it when WatchdogSec= has passed."
      ) {
        fragment, value throws(ValueError) in
        fragment[keyPath: path].watchdogSignal = try value.signal()
      },
      .implemented(
        section, "SendSIGHUP", "boolean", default: "no", "Whether SIGHUP follows KillSignal= at once, for shells."
      ) {
        fragment, value throws(ValueError) in
        fragment[keyPath: path].sendsHangup = try value.boolean()
      },
      .implemented(section, "SendSIGKILL", "boolean", default: "yes", "Whether FinalKillSignal= is sent at all.") {
        fragment, value throws(ValueError) in
        fragment[keyPath: path].sendsKill = try value.boolean()
      },
    ]
  }

  static func limits(_ section: String, _ path: ProcessPath) -> [Key] {
    ResourceLimit.Resource.allCases.map { resource in
      .implemented(section, "Limit\(resource.name)", limitType(resource), limitMeaning(resource)) {
        fragment, value throws(ValueError) in
        fragment[keyPath: path].limits[resource] = try ResourceLimit.parse(value.text, for: resource)
      }
    }
  }

  private static func limitType(_ resource: ResourceLimit.Resource) -> String {
    switch resource {
    case .cpu, .realTimeTime: "time span, or SOFT:HARD"
    case let size where size.isSize: "size, or SOFT:HARD"
    default: "number, or SOFT:HARD"
    }
  }

  private static func limitMeaning(_ resource: ResourceLimit.Resource) -> String {
    switch resource {
    case .cpu: "CPU time of a process. Without a unit: seconds."
    case .fileSize: "The size of a file that it writes."
    case .data: "The data segment."
    case .stack: "The stack."
    case .core: "A core dump."
    case .residentSet: "Memory in use. Linux doesn't enforce it."
    case .processes: "Processes of its user."
    case .openFiles: "Open descriptors."
    case .lockedMemory: "Memory that can be locked."
    case .addressSpace: "The address space."
    case .locks: "File locks. Linux doesn't enforce it."
    case .pendingSignals: "Queued signals."
    case .messageQueues: "Bytes in POSIX message queues."
    case .nice: "How far the nice level can be lowered: -20 to +19 with a sign, or the kernel's number, 1 to 40."
    case .realTimePriority: "The real-time priority."
    case .realTimeTime: "CPU time in real time without a blocking call. Without a unit: microseconds."
    }
  }
}
