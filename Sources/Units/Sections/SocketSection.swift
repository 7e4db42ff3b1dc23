/// What `[Socket]` says: systemd.socket(5).
public struct SocketSection: Equatable, Sendable {
  public enum BindIPv6Only: String, Sendable, CaseIterable {
    /// As /proc/sys/net/ipv6/bindv6only says.
    case systemDefault = "default"
    case both
    case ipv6Only = "ipv6-only"
  }

  /// The socket unit that it was read from: "web.socket", or "web.torpor".
  public var unitName = ""
  public var listen: [ListenSpecification] = []
  public var bindIPv6Only = BindIPv6Only.systemDefault
  public var backlog: UInt32 = 4096
  public var accept = false
  /// nil: the service of the same name.
  public var service: String?
  /// In LISTEN_FDNAMES; nil: the unit's name.
  public var fileDescriptorName: String?
  /// Who owns paths; nil: whoever the service runs as.
  public var socketUser: String?
  public var socketGroup: String?
  /// nil: not written. systemd's default is 0666.
  public var socketMode: UInt32?
  public var directoryMode: UInt32 = 0o755
  /// Further names of the one path that is held.
  public var symlinks: [String] = []
  /// Processes at once, with `accept`.
  public var maxConnections: UInt32 = 64
  /// Of these, from one address; nil: no limit.
  public var maxConnectionsPerSource: UInt32?
  public var triggerLimitInterval: Duration? = .seconds(2)
  /// nil: 200 with `accept`, else 20.
  public var triggerLimitBurst: UInt32?
  /// At most one of a kind. Set before bind(2), in this order.
  public var socketOptions: [SocketOption] = []
  /// Of FIFOs, in bytes.
  public var pipeSize: UInt64?
  /// What waits is thrown away whenever the service has ended.
  public var flushesPending = false
  /// Looked at before its sockets are made.
  public var conditions: [Condition] = []
  /// nil: nothing is run for its sockets.
  public var commands: Shared<SocketCommands>?

  public init() {}

  /// What LISTEN_FDNAMES calls its sockets.
  public var descriptorName: String { fileDescriptorName ?? unitName }
  /// Activations within `triggerLimitInterval` that are allowed; 0: no limit.
  public var triggerLimit: UInt32 { triggerLimitBurst ?? (accept ? 200 : 20) }

  /// Takes the place of one of the same kind.
  mutating func set(_ option: SocketOption) {
    socketOptions.removeAll { $0.name == option.name }
    socketOptions.append(option)
  }

  /// One that is off is the kernel's default and needn't be set.
  mutating func set(_ option: SocketOption, isOn: Bool) {
    set(option)
    if !isOn { socketOptions.removeLast() }
  }
}

/// An option of a held socket: setsockopt(2). One that doesn't apply to a kind of socket is left out there.
public enum SocketOption: Equatable, Sendable {
  case keepAlive
  case keepAliveTime(Duration)
  case keepAliveInterval(Duration)
  case keepAliveProbes(UInt32)
  case noDelay
  /// SO_PRIORITY.
  case priority(Int32)
  /// In bytes, SO_RCVBUFFORCE where it is allowed.
  case receiveBuffer(UInt64)
  case sendBuffer(UInt64)
  /// IP_TOS.
  case typeOfService(UInt8)
  /// IP_TTL and IPV6_UNICAST_HOPS.
  case timeToLive(UInt8)
  /// SO_MARK.
  case mark(UInt32)
  case freeBind
  case transparent
  case broadcast
  /// SO_PASSCRED.
  case passCredentials
  /// SO_PASSSEC.
  case passSecurity
  /// IP_PKTINFO, IPV6_RECVPKTINFO.
  case passPacketInfo
  case tcpCongestion(String)
  case bindToDevice(String)
  /// TCP_DEFER_ACCEPT.
  case deferAccept(Duration)
  /// SO_TIMESTAMP, or in nanoseconds SO_TIMESTAMPNS.
  case timestamps(inNanoseconds: Bool)

  /// The key that sets it.
  public var name: String {
    switch self {
    case .keepAlive: "KeepAlive"
    case .keepAliveTime: "KeepAliveTimeSec"
    case .keepAliveInterval: "KeepAliveIntervalSec"
    case .keepAliveProbes: "KeepAliveProbes"
    case .noDelay: "NoDelay"
    case .priority: "Priority"
    case .receiveBuffer: "ReceiveBuffer"
    case .sendBuffer: "SendBuffer"
    case .typeOfService: "IPTOS"
    case .timeToLive: "IPTTL"
    case .mark: "Mark"
    case .freeBind: "FreeBind"
    case .transparent: "Transparent"
    case .broadcast: "Broadcast"
    case .passCredentials: "PassCredentials"
    case .passSecurity: "PassSecurity"
    case .passPacketInfo: "PassPacketInfo"
    case .tcpCongestion: "TCPCongestion"
    case .bindToDevice: "BindToDevice"
    case .deferAccept: "DeferAcceptSec"
    case .timestamps: "Timestamping"
    }
  }
}
