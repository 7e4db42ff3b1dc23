import Lifecycle
import Linux

import struct Units.Shared

/// What `torpor run` is asked to do, checked.
public struct ServiceOptions: Sendable {
  public enum Handover: String, Sendable, CaseIterable {
    /// LISTEN_FDS, and adoption of bind(): whichever the service takes.
    case auto
    case listenFDs = "listen-fds"
    case adopt
    /// It binds an address of its own, and we accept for it and relay.
    case relay
    /// A process for each connection, which is its standard input and output. systemd's Accept=yes.
    case inetd
    /// The listening socket is its standard input.
    case inetdWait = "inetd-wait"

    /// Whether the service is born with the listening sockets.
    var passesSockets: Bool {
      switch self {
      case .auto, .listenFDs: true
      case .adopt, .relay, .inetd, .inetdWait: false
      }
    }

    /// Whether its bind() is answered by us.
    var trapsBind: Bool {
      switch self {
      case .auto, .adopt: true
      case .listenFDs, .relay, .inetd, .inetdWait: false
      }
    }
  }

  public enum Readiness: String, Sendable, CaseIterable { case auto, notify }

  public var name: String
  /// With its arguments; empty where `execution` has commands.
  public var command: [String]
  /// "NAME=VALUE", added to our own. They and the command's arguments may have placeholders (`PlaceholderText`).
  public var environment: [String] = []
  public var listen: [ListenAddress]
  /// nil: never rest.
  public var idleTimeout: Duration?
  public var handover = Handover.auto
  public var readiness = Readiness.auto
  /// Where it listens by itself; given with `Handover.relay`, and only then.
  public var relayTarget: RelayTarget?
  /// What tells it whose connection it gets by a relay; nil: nothing.
  public var proxyProtocol: ProxyProtocol?
  /// Start at once.
  public var startsAtOnce = false
  public var account: Account?
  /// What more a unit file says of starting and stopping it.
  public var execution: ExecutionSettings {
    get {
      var execution = sharedExecution.value
      execution.start = start
      return execution
    }
    set {
      start = newValue.start
      var execution = newValue
      execution.start = []
      sharedExecution = Shared(execution)
    }
  }
  /// All of it but `start`, in which most services differ.
  private var sharedExecution = Shared(ExecutionSettings())
  private var start: [CommandLine] = []
  /// Processes at once, with `Handover.inetd`.
  public var connectionsMax = 64
  /// Of these, from one address; nil: no limit.
  public var connectionsPerSourceMax: Int?
  /// How it rests.
  public var rest = Lifecycle.Configuration.Rest.stop
  /// Frozen for this long, it is stopped; nil: never.
  public var stopAfterFrozen: Duration?
  /// SIGKILL does the service no harm.
  public var mayKill = false
  public var startTimeout: Duration? = .seconds(90)
  public var stopTimeout: Duration? = .seconds(90)
  /// No rest earlier than this after it was ready.
  public var minimumUptime = Duration.zero
  /// When it is started again though nobody waits.
  public var restart = Restart.no
  public var restartDelay = Duration.milliseconds(100)
  /// Ends that `restart` doesn't apply to, and those after which it is started again in any case.
  public var restartPreventing = EndStatuses()
  public var restartForcing = EndStatuses()
  /// From the watchdog's signal to SIGKILL.
  public var abortTimeout: Duration? = .seconds(90)
  public var startTimeoutMode = TimeoutMode.terminate
  public var stopTimeoutMode = TimeoutMode.terminate
  /// How long it may run; nil: for ever.
  public var runtimeMax: Duration?
  /// Failed starts that are too many: from there on each is followed by the longest wait.
  public var startLimit: Lifecycle.Configuration.Limit?
  /// The same for wakes that serve nobody.
  public var triggerLimit: Lifecycle.Configuration.Limit?
  public var writesJSON = false
  /// Who may connect to held paths; nil: everybody until the service has bound them, then as its own bind() says.
  public var socketMode: UInt32?
  /// Asked before each start: why it is not to be started now; nil: it may.
  public var startCheck: (@Sendable () -> String?)?
  /// Whoever waits when the service has ended is turned away, and what nobody has read is dropped (systemd's FlushPending=).
  public var flushesPending = false
  /// What counts as use of it.
  public var watch: WatchOptions {
    get { sharedWatch.value }
    set { sharedWatch = Shared(newValue) }
  }
  private var sharedWatch = Shared(WatchOptions())
  /// Hand connections of an aborted rest back by relaying even where the kernel could migrate them.
  public var neverMigrates = false

  public init(name: String, command: [String], listen: [ListenAddress], idleTimeout: Duration?) {
    self.name = name
    self.command = command
    self.listen = listen
    self.idleTimeout = idleTimeout
  }

  /// Has what is the same in `other` in common with it: these are large, and mostly those of many services.
  mutating func share(with other: ServiceOptions) {
    sharedExecution.join(other.sharedExecution)
    sharedWatch.join(other.sharedWatch)
  }

  /// The paths belong to whoever the service runs as.
  var socketAccess: SocketAccess {
    var access = SocketAccess(mode: socketMode)
    if Account.effectiveUser == 0, let account {
      access.user = account.user
      access.group = account.group
    }
    return access
  }

  /// The paths and abstract names that are held.
  var paths: [UnixAddress] {
    listen.compactMap { address in
      switch address.kind {
      case .tcp, .udp: nil
      case .unix(let name, _): name
      case .fifo(let path): path
      }
    }
  }

  /// READY=1 is what it becomes ready by.
  var listensForReadiness: Bool {
    execution.kind == .notify || readiness == .notify && execution.kind != .oneshot
  }

  /// Neither its sockets nor their queues tell that it is ready.
  var isToldReady: Bool { listensForReadiness || execution.kind == .oneshot && execution.remainAfterExit }

  /// Variables that are set by us alone: what we find of them belongs to our own supervisor.
  public static let ownVariables: Set<String> = [
    "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "TORPOR_SHIM",
  ]

  /// What LISTEN_FDNAMES calls a socket that was given no name: as systemd does, after the unit that it would belong to.
  public var defaultSocketName: String { name.replacing(":", with: "_") + ".socket" }
}

/// Why a service can't be held or started at all, in words for the person who asked.
public struct ServiceError: Error, Equatable, Sendable, CustomStringConvertible {
  public let description: String
  /// 1: can't; 126, 127: the command can't be run, isn't there, as env(1) and the shells say it.
  public let exitCode: Int32

  public init(_ description: String, exitCode: Int32 = 1) {
    self.description = description
    self.exitCode = exitCode
  }
}
