extension Keys {
  static let idle: [Key] = [
    .implemented(
      "X-Idle", "TimeoutSec", "time span", default: "30min",
      "Idle for this long, and the service is put to rest. infinity: never."
    ) {
      fragment, value throws(ValueError) in
      fragment.idle.timeout = try value.timeSpan()
    },
    .implemented(
      "X-Idle", "Connections", "open, active", default: "open",
      "What a connection has to be to keep the service up: open, or one that carried data within TimeoutSec=, for clients that never close theirs."
    ) { fragment, value throws(ValueError) in
      fragment.idle.connections = try value.word()
    },
    .implemented(
      "X-Idle", "Senses", IdleSection.Sense.list, default: IdleSection.Sense.defaultText,
      "Which evidence of work counts: \(IdleSection.Sense.allCases.map(\.subject).joined(separator: "; "))."
    ) { fragment, value throws(ValueError) in
      var senses: Set<IdleSection.Sense> = []
      for word in try value.words() {
        guard let sense = IdleSection.Sense(rawValue: word.text) else {
          throw ValueError("'\(word.text)' is none of \(IdleSection.Sense.list)", at: word.offset)
        }
        senses.insert(sense)
      }
      fragment.idle.senses = senses
    },
    .implemented(
      "X-Idle", "BusyCheck", "command",
      "Asked before a rest: exit status 0 says that the service is idle, 1 that it is busy."
    ) { fragment, value throws(ValueError) in
      fragment.idle.busyCheck = try value.command()
    },
    .implemented(
      "X-Idle", "BusyCheckTimeoutSec", "time span", default: "10s", "A check that takes longer is ended, and says busy."
    ) { fragment, value throws(ValueError) in
      fragment.idle.busyCheckTimeout = try value.timeout()
    },
    .implemented(
      "X-Idle", "ProcessingThreshold", "percentage", default: "1%",
      "More than this of one core, and the service is at work."
    ) { fragment, value throws(ValueError) in
      guard let percentage = NumberSyntax.percentage(value.text) else {
        throw ValueError("'\(value.text)' is not a percentage (examples: 1%, 0.5%)")
      }
      fragment.idle.processingThreshold = percentage
    },
    .implemented(
      "X-Idle", "IgnoreSource", "addresses",
      """
      Whose connections don't count and don't keep the service up, such as health checks: addresses, ranges (10.0.0.0/8), \
      localhost, link-local, multicast, any. One of these wakes a dormant service, which rests again soon unless somebody else comes.
      """
    ) { fragment, value throws(ValueError) in
      for word in try value.words() {
        guard let ranges = AddressRange.named(word.text) else {
          throw ValueError(
            "'\(word.text)' is neither an address nor a range of such (10.0.0.0/8, fd00::/8)", at: word.offset)
        }
        fragment.idle.ignoredSources += ranges
      }
    },
    .implemented(
      "X-Idle", "MinimumUptimeSec", "time span", default: "10s",
      "A service isn't put to rest before it has run for this long."
    ) {
      fragment, value throws(ValueError) in
      fragment.idle.minimumUptime = try value.finiteTimeSpan()
    },
    .implemented(
      "X-Idle", "Rest", "stop, freeze", default: "stop",
      """
      How it rests. freeze: its processes are frozen (cgroup.freeze) with their connections open, their memory goes to swap where \
      there is some, and whatever comes by a connection lets them go on. It needs a cgroup v2.
      """
    ) { fragment, value throws(ValueError) in
      fragment.idle.rest = try value.word()
    },
    .implemented(
      "X-Idle", "StopAfterFrozenSec", "time span", default: "infinity",
      "Frozen for this long, and the service is stopped, with its silent connections. infinity: never."
    ) { fragment, value throws(ValueError) in
      fragment.idle.stopAfterFrozen = try value.timeSpan()
    },
    .implemented(
      "X-Idle", "Start", "on-demand, boot", default: "on-demand",
      "boot: the service is started at once, unconditionally."
    ) {
      fragment, value throws(ValueError) in
      fragment.idle.start = try value.word()
    },
    .implemented(
      "X-Idle", "Verify", "no, boot, daily, weekly", default: "no",
      "When the service is started without a client, checked and put to rest again, so that a service which can't start is known before it is needed."
    ) { fragment, value throws(ValueError) in
      fragment.idle.verify = try value.word()
    },
    .implemented(
      "X-Idle", "VerifyCheck", "command",
      "Run against the service that was started for Verify=; exit status 0 says it is well."
    ) {
      fragment, value throws(ValueError) in
      fragment.idle.verifyCheck = try value.command()
    },
    .implemented(
      "X-Idle", "Handover", "auto, listen-fds, adopt, inetd, inetd-wait, relay",
      """
      How the service gets its sockets: by LISTEN_FDS, by adoption of its bind(2), or (auto) by whichever it takes; a process for \
      each connection (inetd); the listening socket as standard input (inetd-wait); or none, and connections are relayed. \
      Default: auto, with Accept=yes inetd, with StandardInput=socket inetd-wait.
      """
    ) { fragment, value throws(ValueError) in
      fragment.idle.handover = try value.word()
    },
    .implemented(
      "X-Idle", "RelayTo", "address",
      "With Handover=relay: the address that the service listens on by itself, IP:PORT, /PATH or a PORT of 127.0.0.1."
    ) {
      fragment, value throws(ValueError) in
      let target = try ListenSpecification(try value.string(), kind: .stream)
      guard case .port(let port) = target.address, let loopback = IPAddress("127.0.0.1") else {
        fragment.idle.relayTo = target
        return
      }
      fragment.idle.relayTo = ListenSpecification(kind: .stream, address: .ip(loopback, port: port, scope: nil))
    },
    .implemented(
      "X-Idle", "ProxyProtocol", "no, v1, v2", default: "no",
      "With Handover=relay: begin each connection with a PROXY protocol header that names the client."
    ) { fragment, value throws(ValueError) in
      fragment.idle.proxyProtocol = try value.word()
    },
    .implemented(
      "X-Idle", "MayKill", "boolean", default: "no",
      "The service may be killed instead of told to end, where that alone loses no connection: on abstract unix sockets."
    ) { fragment, value throws(ValueError) in
      fragment.idle.mayKill = try value.boolean()
    },
    .implemented(
      "X-Idle", "OnFailure", "command",
      "Run when the service can't be started, has failed, or wasn't well when it was verified."
    ) { fragment, value throws(ValueError) in
      fragment.idle.onFailure = try value.command()
    },
  ]
}
