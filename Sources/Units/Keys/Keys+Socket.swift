extension Keys {
  private static func listen(_ name: String, _ kind: ListenSpecification.Kind, _ meaning: String) -> Key {
    .implemented("Socket", name, "address", meaning) { fragment, value throws(ValueError) in
      fragment.socket.listen.append(try ListenSpecification(try value.string(), kind: kind))
    }
  }

  static let listening: [Key] = [
    listen(
      "ListenStream", .stream,
      "A TCP port (8080: of every address; 192.0.2.1:8080, [2001:db8::1]:8080, [fe80::1]:8080%%eth0), a unix path or an abstract name (@NAME) to listen on. An empty value resets the keys of all kinds, ListenStream= to ListenFIFO=."
    ),
    listen("ListenDatagram", .datagram, "The same for datagrams: UDP, or unix datagram sockets."),
    listen("ListenSequentialPacket", .sequentialPacket, "A unix path or an abstract name for SOCK_SEQPACKET."),
    listen("ListenFIFO", .fifo, "The path of a FIFO, which is made if it isn't there."),
    .implemented(
      "Socket", "BindIPv6Only", "default, both, ipv6-only", default: "default",
      "Whether IPv6 sockets take IPv4, too; default: as /proc/sys/net/ipv6/bindv6only says."
    ) { fragment, value throws(ValueError) in
      fragment.socket.bindIPv6Only = try value.word()
    },
    .implemented(
      "Socket", "Backlog", "number", default: "4096",
      "Connections that can wait in an accept queue, at most net.core.somaxconn."
    ) { fragment, value throws(ValueError) in
      fragment.socket.backlog = try value.unsigned()
    },
  ]

  static let socket: [Key] = [
    .implemented(
      "Socket", "Accept", "boolean", default: "no",
      "A process for each connection, of NAME@.service: its standard input and output, as of inetd."
    ) { fragment, value throws(ValueError) in
      fragment.socket.accept = try value.boolean()
    },
    .implemented("Socket", "Service", "service unit", "The service that is started. Default: the one of the same name.")
    {
      fragment, value throws(ValueError) in
      let name = try value.string()
      guard let unit = UnitName(name), unit.kind == .service, !unit.isTemplate else {
        throw ValueError("'\(name)' is not the name of a service (NAME.service)")
      }
      fragment.socket.service = name
    },
    .implemented(
      "Socket", "FileDescriptorName", "text",
      "What LISTEN_FDNAMES and placeholders call these sockets. Default: the unit's name."
    ) { fragment, value throws(ValueError) in
      let name = try value.string()
      guard name.utf8.count <= 255, name.utf8.allSatisfy({ $0 < 0x80 && !$0.isControl && $0 != UInt8(ascii: ":") })
      else {
        throw ValueError("'\(name)' can't name a descriptor: up to 255 ASCII characters without ':' are allowed")
      }
      fragment.socket.fileDescriptorName = name
    },
    .implemented("Socket", "SocketUser", "user", "Who owns unix paths and FIFOs. Default: whoever the service runs as.")
    {
      fragment, value throws(ValueError) in
      fragment.socket.socketUser = try value.account()
    },
    .implemented("Socket", "SocketGroup", "group", "Their group. Default: that of SocketUser=.") {
      fragment, value throws(ValueError) in
      fragment.socket.socketGroup = try value.account()
    },
    .implemented(
      "Socket", "SocketMode", "mode",
      "Their mode. Default: 0666, and for a path that the service binds by itself what its own bind(2) would make of it."
    ) { fragment, value throws(ValueError) in
      fragment.socket.socketMode = try value.mode()
    },
    .implemented(
      "Socket", "DirectoryMode", "mode", default: "0755", "The mode of directories that are made on the way to them."
    ) {
      fragment, value throws(ValueError) in
      fragment.socket.directoryMode = try value.mode()
    },
    .implemented(
      "Socket", "Symlinks", "paths", "Symbolic links to the one path that is held. They are removed with it."
    ) {
      fragment, value throws(ValueError) in
      fragment.socket.symlinks += try value.paths()
    },
    .implemented(
      "Socket", "MaxConnections", "number", default: "64",
      "Processes at once with Accept=yes. Whoever comes then waits."
    ) { fragment, value throws(ValueError) in
      fragment.socket.maxConnections = try value.unsigned(1...UInt32.max)
    },
    .implemented(
      "Socket", "MaxConnectionsPerSource", "number", default: "0",
      "Of these, from one address. Those beyond are closed at once. 0: no limit."
    ) {
      fragment, value throws(ValueError) in
      let number = try value.unsigned()
      fragment.socket.maxConnectionsPerSource = number == 0 ? nil : number
    },
    .implemented(
      "Socket", "TriggerLimitIntervalSec", "time span", default: "2s",
      "The time over which starts are counted for TriggerLimitBurst=. 0 or infinity: they are not."
    ) { fragment, value throws(ValueError) in
      fragment.socket.triggerLimitInterval = try value.timeout()
    },
    .implemented(
      "Socket", "TriggerLimitBurst", "number",
      "More starts than this within the interval and they are held back. Default: 20, with Accept=yes 200. 0: no limit."
    ) { fragment, value throws(ValueError) in
      fragment.socket.triggerLimitBurst = try value.unsigned()
    },
  ]

  private static func flag(_ name: String, _ option: SocketOption, _ meaning: String) -> Key {
    .implemented("Socket", name, "boolean", default: "no", meaning) { fragment, value throws(ValueError) in
      fragment.socket.set(option, isOn: try value.boolean())
    }
  }

  static let socketOptions: [Key] = [
    flag("KeepAlive", .keepAlive, "SO_KEEPALIVE: probe connections that are silent."),
    .implemented(
      "Socket", "KeepAliveTimeSec", "time span",
      "TCP_KEEPIDLE: silent for this long, then probe. Default: the kernel's, 2h."
    ) {
      fragment, value throws(ValueError) in
      fragment.socket.set(.keepAliveTime(try value.finiteTimeSpan()))
    },
    .implemented(
      "Socket", "KeepAliveIntervalSec", "time span", "TCP_KEEPINTVL: between two probes. Default: the kernel's, 75s."
    ) {
      fragment, value throws(ValueError) in
      fragment.socket.set(.keepAliveInterval(try value.finiteTimeSpan()))
    },
    .implemented(
      "Socket", "KeepAliveProbes", "number", "TCP_KEEPCNT: probes without an answer. Default: the kernel's, 9."
    ) {
      fragment, value throws(ValueError) in
      fragment.socket.set(.keepAliveProbes(try value.unsigned()))
    },
    flag("NoDelay", .noDelay, "TCP_NODELAY: send small packets at once."),
    .implemented("Socket", "Priority", "number", "SO_PRIORITY.") { fragment, value throws(ValueError) in
      fragment.socket.set(.priority(try value.integer(Int32.min...Int32.max)))
    },
    .implemented("Socket", "ReceiveBuffer", "size", "SO_RCVBUF.") { fragment, value throws(ValueError) in
      fragment.socket.set(.receiveBuffer(try value.size()))
    },
    .implemented("Socket", "SendBuffer", "size", "SO_SNDBUF.") { fragment, value throws(ValueError) in
      fragment.socket.set(.sendBuffer(try value.size()))
    },
    .implemented("Socket", "IPTOS", "number, low-delay, throughput, reliability, low-cost", "IP_TOS.") {
      fragment, value throws(ValueError) in
      let number: UInt32
      switch value.text {
      case "low-delay": number = 0x10
      case "throughput": number = 0x08
      case "reliability": number = 0x04
      case "low-cost": number = 0x02
      default: number = try value.unsigned(0...255)
      }
      fragment.socket.set(.typeOfService(UInt8(number)))
    },
    .implemented("Socket", "IPTTL", "number", "IP_TTL and IPV6_UNICAST_HOPS.") { fragment, value throws(ValueError) in
      fragment.socket.set(.timeToLive(UInt8(try value.unsigned(1...255))))
    },
    .implemented("Socket", "Mark", "number", "SO_MARK: the firewall's mark of packets.") {
      fragment, value throws(ValueError) in
      fragment.socket.set(.mark(try value.unsigned()))
    },
    flag("FreeBind", .freeBind, "IP_FREEBIND: listen on an address that the machine doesn't have yet."),
    flag("Transparent", .transparent, "IP_TRANSPARENT."),
    flag("Broadcast", .broadcast, "SO_BROADCAST of UDP sockets."),
    flag("PassCredentials", .passCredentials, "SO_PASSCRED of unix sockets."),
    flag("PassSecurity", .passSecurity, "SO_PASSSEC of unix sockets."),
    flag("PassPacketInfo", .passPacketInfo, "IP_PKTINFO and IPV6_RECVPKTINFO of UDP sockets."),
    .implemented("Socket", "TCPCongestion", "name", "TCP_CONGESTION: the algorithm of congestion control.") {
      fragment, value throws(ValueError) in
      let name = value.text
      // TCP_CA_NAME_MAX with its NUL is 16.
      guard name.utf8.count <= 15, !name.utf8.contains(where: \.isSpace) else {
        throw ValueError("'\(name)' is not the name of a congestion control algorithm")
      }
      fragment.socket.set(.tcpCongestion(name))
    },
    .implemented("Socket", "BindToDevice", "network interface", "SO_BINDTODEVICE: only what comes by this interface.") {
      fragment, value throws(ValueError) in
      let name = try value.string()
      // IFNAMSIZ with its NUL is 16.
      guard name.utf8.count <= 15, !name.utf8.contains(where: { $0.isSpace || $0 == UInt8(ascii: "/") }) else {
        throw ValueError("'\(name)' is not the name of a network interface")
      }
      fragment.socket.set(.bindToDevice(name))
    },
    .implemented("Socket", "PipeSize", "size", "F_SETPIPE_SZ of FIFOs.") { fragment, value throws(ValueError) in
      fragment.socket.pipeSize = try value.size()
    },
    .implemented(
      "Socket", "DeferAcceptSec", "time span", default: "0",
      "TCP_DEFER_ACCEPT: who connects and says nothing wakes nobody for this long, and isn't accepted."
    ) { fragment, value throws(ValueError) in
      fragment.socket.set(.deferAccept(try value.finiteTimeSpan()))
      if case .deferAccept(.zero)? = fragment.socket.socketOptions.last { fragment.socket.socketOptions.removeLast() }
    },
    .implemented(
      "Socket", "Timestamping", "off, us, ns", default: "off",
      "SO_TIMESTAMP, SO_TIMESTAMPNS: messages come with the time at which they were received. Not of UDP sockets, whose idle time is told by stamps that the kernel then no longer keeps."
    ) { fragment, value throws(ValueError) in
      let inNanoseconds: Bool
      switch (value.text, NumberSyntax.boolean(value.text)) {
      case ("off", _), (_, false): return fragment.socket.set(.timestamps(inNanoseconds: false), isOn: false)
      case ("us", _), ("usec", _), ("µs", _), ("μs", _): inNanoseconds = false
      case ("ns", _), ("nsec", _), (_, true): inNanoseconds = true
      default: throw ValueError("'\(value.text)' is none of off, us, ns")
      }
      fragment.socket.set(.timestamps(inNanoseconds: inNanoseconds))
    },
    .implemented(
      "Socket", "FlushPending", "boolean", default: "no",
      "Whether whoever waits when the service has ended is turned away, and messages that nobody has read are dropped. Without it they are served by the next instance."
    ) { fragment, value throws(ValueError) in
      fragment.socket.flushesPending = try value.boolean()
    },
  ]

  /// What systemd.exec(5) and systemd.kill(5) say of the commands of a socket unit.
  static let socketProcess: [Key] = [
    process("Socket", \.socketCommands.execution).filter { $0.name != "StandardInput" },
    environment("Socket", \.socketCommands.execution), limits("Socket", \.socketCommands.execution),
    Key.others(
      "Socket", .ignored("the commands of a socket have no input"), harmless: ["null"], "StandardInput"),
    Key.others(
      "Socket",
      .ignored("no directories are made for the commands of a socket; those of the service are, at its start"),
      directories("Service", \.service.execution).map(\.name).joined(separator: " ")),
    Key.others(
      "Socket",
      .ignored("a command of a socket that takes too long gets KillSignal=, and with all that it has started SIGKILL"),
      harmless: ["control-group", "SIGKILL", "yes"],
      killing("Service", \.service.killing).map(\.name).filter { $0 != "KillSignal" }.joined(separator: " ")),
  ].flatMap { $0 }

  static let socketOthers: [Key] = [
    Key.others(
      "Socket", .notNeeded("paths that were made are always removed when their sockets are closed for good"),
      "RemoveOnStop"),
    Key.others(
      "Socket", .notNeeded("held TCP and UDP sockets have SO_REUSEPORT in any case, and no other user's can join them"),
      "ReusePort"),
    Key.others("Socket", .refused("netlink sockets can't be held"), "ListenNetlink"),
    Key.others("Socket", .refused("special files can't be held"), "ListenSpecial Writable"),
    Key.others(
      "Socket", .refused("POSIX message queues can't be held"),
      "ListenMessageQueue MessageQueueMaxMessages MessageQueueMessageSize"),
    Key.others("Socket", .refused("USB gadgets can't be held"), "ListenUSBFunction"),
    Key.others(
      "Socket", .refused("only TCP and UDP can be held, and the kind of a socket says which"), "SocketProtocol"),
    Key.others("Socket", .hardening("labels of Smack are not set"), "SmackLabel SmackLabelIPIn SmackLabelIPOut"),
    Key.others("Socket", .hardening("contexts of SELinux are not set"), harmless: ["no"], "SELinuxContextFromNet"),
  ].flatMap { $0 }
}
