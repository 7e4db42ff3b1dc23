extension Lifecycle {
  /// What one service's owner has decided, and what the kernel allows. `nil` times are systemd's `infinity`.
  public struct Configuration: Equatable, Sendable {
    /// How a start is known to be finished.
    public enum Readiness: Equatable, Sendable {
      /// Every held socket was bound by the service; or, where it takes its sockets by LISTEN_FDS, it has emptied their queues.
      /// Where nobody is in them that can't be seen: then it has lived for as long as `settleGrace` says.
      case automatic
      /// The service sends READY=1 (sd_notify(3)).
      case notify
    }

    /// What an open connection counts for.
    public enum Connections: Equatable, Sendable {
      /// An open connection is a use.
      case open
      /// Only one that carries data is.
      case active
    }

    /// How an idle service is put to rest.
    public enum Rest: Equatable, Sendable {
      case stop
      /// Its processes are frozen, its connections stay open.
      case freeze
    }

    /// How often something may happen.
    public struct Limit: Equatable, Sendable {
      public var count: Int
      public var interval: Duration

      public init(count: Int, interval: Duration) {
        precondition(count > 0)
        self.count = count
        self.interval = interval
      }
    }

    /// The sockets held, numbered from 0.
    public var sockets: [SocketKind]
    /// Idle for this long → rest.
    public var idleTimeout: Duration?
    public var readiness: Readiness
    /// Whether the service may bind() its sockets by itself. If it can't, only READY=1 or an empty queue tells that it is up.
    public var canAdopt: Bool
    /// Whether a socket's queue moves to the rest of its group when it closes (net.ipv4.tcp_migrate_req).
    public var canMigrate: Bool
    public var connections = Connections.open
    public var rest = Rest.stop
    /// Frozen for this long → stop.
    public var stopAfterFrozen: Duration?
    /// SIGKILL does the service no harm: where its sockets can't be steered it is ended while frozen, so that nobody is lost.
    public var mayKill = false
    /// Its processes can be frozen (cgroup.freeze).
    public var canFreeze = false
    /// A start that takes longer has failed; of several sockets, one that is still unbound then will never be bound.
    /// systemd's TimeoutStartSec=, 90 s.
    public var startTimeout: Duration?
    /// From SIGTERM to SIGKILL. systemd's TimeoutStopSec=, 90 s.
    public var stopTimeout: Duration?
    /// From the watchdog's signal to SIGKILL. TimeoutAbortSec=.
    public var abortTimeout: Duration? = .seconds(90)
    /// What is done to one whose start, or whose end, takes too long. TimeoutStartFailureMode=, TimeoutStopFailureMode=.
    public var startTimeoutMode = TimeoutMode.terminate
    public var stopTimeoutMode = TimeoutMode.terminate
    /// It is ended, and has failed, this long after it was ready. RuntimeMaxSec=.
    public var runtimeMax: Duration?
    /// From SIGTERM to SIGKILL for processes that outlive the main one, while clients may already wait for the next.
    public var leftoverTimeout: Duration = .seconds(5)
    /// How long a drain may wait for handshakes in flight, and keep new clients waiting, before it is given up.
    public var drainTimeout: Duration = .milliseconds(50)
    /// How long a given-up drain waits for handshakes in flight before it relays those who wait.
    public var returnTimeout: Duration = .milliseconds(100)
    /// How long a service that nobody waits for has to live to count as started, where nothing tells that it is up; nil: no time
    /// proves it. systemd's Type=simple asks for none.
    public var settleGrace: Duration? = .seconds(5)
    /// The same from when it is seen to have taken the sockets that it was given.
    public var takenGrace: Duration = .milliseconds(100)
    /// Its first process is to end and leave the service behind, and it isn't started before. systemd's Type=forking.
    public var startsInBackground = false
    /// How long after its first bind() a service may take for its others, before those that nobody but its own choice of
    /// addresses keeps unbound are relayed.
    public var bindGrace: Duration = .milliseconds(100)
    /// How long a service that has shut its listening socket down may take to accept a connection nonetheless.
    public var deafGrace: Duration = .milliseconds(250)
    /// How long after its last datagram a service may take to answer it.
    public var answerGrace: Duration = .milliseconds(200)
    /// How long a service that was woken by nobody who counts has for those who have woken it.
    public var ignoredGrace: Duration = .seconds(1)
    /// How long a service may take to read the datagrams it has received, once new ones wait for its successor.
    public var datagramPatience: Duration = .seconds(5)
    /// How long freezing may take: a process in the middle of slow I/O freezes when that is over.
    public var freezeTimeout: Duration = .seconds(1)
    /// How long a frozen service runs when one of its own timers is due, before it is frozen again.
    public var thawSlice: Duration = .milliseconds(100)
    /// A timer of its own that is due within this time is housekeeping if that comes up again and again.
    public var housekeeping: Duration = .seconds(1)
    /// A service that ran this long before it died starts a new row of failures.
    public var healthyAfter: Duration = .seconds(10)
    public var backoff = Backoff()
    /// No rest earlier than this after readiness. MinimumUptimeSec=.
    public var minimumUptime: Duration = .zero
    /// After which ends it is started again though nobody waits, and how long after them. systemd's Restart=, RestartSec=.
    public var restart = Restart.no
    public var restartDelay: Duration = .milliseconds(100)
    /// Ends that are followed by no such start, and ends that are by one, whatever `restart` says. Of one that is in both the first
    /// holds. systemd's RestartPreventExitStatus= and RestartForceExitStatus=.
    public var restartPreventing = EndStatuses()
    public var restartForcing = EndStatuses()
    /// So many failed starts within so long, and each further one is followed by the longest wait. systemd refuses to start
    /// then (StartLimitBurst=, StartLimitIntervalSec=); our port never dies for good.
    public var startLimit: Limit?
    /// The same for wakes in a row that serve nobody. TriggerLimitBurst=, TriggerLimitIntervalSec=.
    public var triggerLimit: Limit?
    public var killMode = KillMode.controlGroup
    /// There is evidence of work that nothing announces (`Sample.isAtWork`): it is looked for even when no connection is open.
    public var looksRegularly = false

    public init(
      sockets: [SocketKind], idleTimeout: Duration?, readiness: Readiness = .automatic, canAdopt: Bool = true,
      canMigrate: Bool = true, startTimeout: Duration? = .seconds(90), stopTimeout: Duration? = .seconds(90)
    ) {
      precondition(!sockets.isEmpty, "a service without a socket could never wake")
      self.sockets = sockets
      self.idleTimeout = idleTimeout
      self.readiness = readiness
      self.canAdopt = canAdopt
      self.canMigrate = canMigrate
      self.startTimeout = startTimeout
      self.stopTimeout = stopTimeout
    }

    /// The time between two looks at a busy service. Idle time is counted from a look that may be this much later than the
    /// last evidence, so a rest is late by no more: 1/16 of the timeout, within the 1/8 that is promised.
    var lookInterval: Duration? {
      guard let idleTimeout else { return nil }
      return max(idleTimeout / 16, .milliseconds(1))
    }

    /// An open connection that carries nothing keeps nothing up.
    public var allowsSilence: Bool { connections == .active || restsByFreeze }

    /// Where it can't be frozen it is stopped, when nothing is open any more.
    var restsByFreeze: Bool { rest == .freeze && canFreeze }

    /// Its last look is taken while it is frozen, and then it is killed.
    public var restsByKill: Bool { mayKill && canFreeze && sockets.contains(.fixed) }

    /// Those that get a second socket for a rest.
    var steerable: Set<Int> {
      Set(
        sockets.indices.filter {
          switch sockets[$0] {
          case .tcp, .unixPath: true
          case .datagram: !restsByKill
          case .fixed: false
          }
        })
    }

    /// What waits on the next one of these is relayed when a rest is given up.
    var relayed: Set<Int> {
      Set(
        sockets.indices.filter {
          switch sockets[$0] {
          case .tcp: !canMigrate
          case .unixPath: true
          case .datagram, .fixed: false
          }
        })
    }

    /// Once it is steered, what has come to the next socket can't come back.
    var commitsDatagrams: Bool { sockets.contains(.datagram) && !restsByKill }
  }
}

/// How new connections can be kept from a socket of each kind, without refusing them.
public enum SocketKind: Equatable, Sendable {
  /// Steered within its SO_REUSEPORT group; its queue moves to the rest of the group when it closes.
  case tcp
  /// A unix stream listener: another one is renamed over its path; its queue can't move.
  case unixPath
  /// UDP: steered within its group; what was received can't move.
  case datagram
  /// Not at all: abstract names, unix datagrams, FIFOs.
  case fixed

  /// A listener that can be steered.
  var isStream: Bool {
    switch self {
    case .tcp, .unixPath: true
    case .datagram, .fixed: false
    }
  }
}
