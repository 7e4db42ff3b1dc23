extension Lifecycle {
  /// What one service's owner has decided. `nil` times are systemd's `infinity`.
  public struct Configuration: Equatable, Sendable {
    /// How a start is known to be finished.
    public enum Readiness: Equatable, Sendable {
      /// Every held socket was bound by the service; or, where it takes its sockets by LISTEN_FDS, it has emptied their queues.
      case automatic
      /// The service sends READY=1 (sd_notify(3)).
      case notify
    }

    /// The sockets held, numbered from 0.
    public var socketCount: Int
    /// Idle for this long → rest.
    public var idleTimeout: Duration?
    public var readiness: Readiness
    /// Whether the service may bind() its sockets by itself. If it can't, only READY=1 or an empty queue tells that it is up.
    public var canAdopt: Bool
    /// Whether a socket's queue moves to the rest of its group when it closes (net.ipv4.tcp_migrate_req).
    public var canMigrate: Bool
    /// A start that takes longer has failed; of several sockets, one that is still unbound then will never be bound.
    /// systemd's TimeoutStartSec=, 90 s.
    public var startTimeout: Duration?
    /// From SIGTERM to SIGKILL. systemd's TimeoutStopSec=, 90 s.
    public var stopTimeout: Duration?
    /// From SIGTERM to SIGKILL for processes that outlive the main one, while clients may already wait for the next.
    public var leftoverTimeout: Duration = .seconds(5)
    /// How long a drain may wait for handshakes in flight, and keep new clients waiting, before it is given up.
    public var drainTimeout: Duration = .milliseconds(50)
    /// How long a given-up drain waits for handshakes in flight before it relays those who wait.
    public var returnTimeout: Duration = .milliseconds(100)
    /// How long after its first bind() a service may take for its others, before those that nobody but its own choice of
    /// addresses keeps unbound are relayed.
    public var bindGrace: Duration = .milliseconds(100)
    /// How long a service that has shut its listening socket down may take to accept a connection nonetheless.
    public var deafGrace: Duration = .milliseconds(250)
    /// A service that ran this long before it died starts a new row of failures.
    public var healthyAfter: Duration = .seconds(10)
    public var backoff = Backoff()

    public init(
      socketCount: Int, idleTimeout: Duration?, readiness: Readiness = .automatic, canAdopt: Bool = true,
      canMigrate: Bool = true, startTimeout: Duration? = .seconds(90), stopTimeout: Duration? = .seconds(90)
    ) {
      precondition(socketCount > 0, "a service without a socket could never wake")
      self.socketCount = socketCount
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
  }
}
