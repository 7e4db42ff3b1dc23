/// What `[X-Idle]` says: when the service rests, and how.
public struct IdleSection: Equatable, Sendable {
  public enum Connections: String, Sendable, CaseIterable {
    /// An open connection keeps the service up.
    case open
    /// Only one that carried data within the timeout does.
    case active
  }

  public enum Rest: String, Sendable, CaseIterable {
    case stop, freeze
  }

  public enum Start: String, Sendable, CaseIterable {
    case onDemand = "on-demand"
    case boot
  }

  public enum Verify: String, Sendable, CaseIterable {
    case no, boot, daily, weekly
  }

  public enum Handover: String, Sendable, CaseIterable {
    case auto
    case listenFDs = "listen-fds"
    case adopt, inetd
    case inetdWait = "inetd-wait"
    case relay
  }

  public enum ProxyProtocol: String, Sendable, CaseIterable {
    case no, v1, v2
  }

  /// nil: never.
  public var timeout: Duration? = .seconds(30 * 60)
  public var connections = Connections.open
  public var senses: Set<Sense> = Set(Sense.allCases.filter(\.isDefault))
  public var busyCheck: Command?
  public var busyCheckTimeout: Duration? = .seconds(10)
  /// Hundredths of a percent of one core.
  public var processingThreshold: UInt32 = 100
  /// Whose connections don't count.
  public var ignoredSources: [AddressRange] = []
  public var minimumUptime: Duration? = .seconds(10)
  public var rest = Rest.stop
  /// nil: never.
  public var stopAfterFrozen: Duration?
  public var start = Start.onDemand
  public var verify = Verify.no
  public var verifyCheck: Command?
  /// nil: as `[Socket]` says: inetd with `Accept=yes`, else auto.
  public var handover: Handover?
  /// Where the service listens by itself; with `Handover.relay`, and only then.
  public var relayTo: ListenSpecification?
  public var proxyProtocol = ProxyProtocol.no
  /// Whether the service may be killed at a rest where that alone loses nobody.
  public var mayKill = false
  public var onFailure: Command?

  public init() {}
}
