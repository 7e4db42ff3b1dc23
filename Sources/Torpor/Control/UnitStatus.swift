/// How a unit is at one moment. Times are seconds since 1970, UTC; what isn't known or doesn't apply is left out.
public struct UnitStatus: Codable, Equatable, Sendable {
  public enum State: String, Codable, CaseIterable, Sendable {
    case dormant, starting, running, draining, freezing, frozen, stopping
    /// It couldn't be started, or died, and is tried again.
    case failed
    /// Its file has a mistake: nothing is held for it.
    case invalid
  }

  public var name: String
  public var state: State
  /// When it came into this state.
  public var since: Double
  /// The held addresses, as in `torpor run -l`.
  public var sockets: [String]
  /// Clients that are connected or wait.
  public var connections: Int
  /// Until it could rest, if nothing happens; nil: it isn't running, or never rests.
  public var idleInSeconds: Double?
  /// How often it was started since midnight, local time.
  public var wakesToday: Int
  public var memoryBytes: Int?
  /// The main process.
  public var pid: Int32?
  /// The last one, even if it has worked since.
  public var lastFailure: UnitFailure?
  /// Until it is tried again, when it has failed.
  public var retryInSeconds: Double?
  /// The last one.
  public var verification: UnitVerification?
  public var holds: [UnitHold]
  /// The file that it was read from.
  public var file: String
  /// What was said about its files, and what went wrong without ending it.
  public var warnings: [String]

  public init(
    name: String, state: State, since: Double, sockets: [String] = [], connections: Int = 0,
    idleInSeconds: Double? = nil, wakesToday: Int = 0, memoryBytes: Int? = nil, pid: Int32? = nil,
    lastFailure: UnitFailure? = nil, retryInSeconds: Double? = nil, verification: UnitVerification? = nil,
    holds: [UnitHold] = [], file: String = "", warnings: [String] = []
  ) {
    self.name = name
    self.state = state
    self.since = since
    self.sockets = sockets
    self.connections = connections
    self.idleInSeconds = idleInSeconds
    self.wakesToday = wakesToday
    self.memoryBytes = memoryBytes
    self.pid = pid
    self.lastFailure = lastFailure
    self.retryInSeconds = retryInSeconds
    self.verification = verification
    self.holds = holds
    self.file = file
    self.warnings = warnings
  }
}

/// A start that failed, or a service that died.
public struct UnitFailure: Codable, Equatable, Sendable {
  public var time: Double
  /// A sentence without a full stop.
  public var reason: String
  /// The last that it wrote.
  public var lastLine: String?

  public init(time: Double, reason: String, lastLine: String? = nil) {
    self.time = time
    self.reason = reason
    self.lastLine = lastLine
  }
}

/// What came of checking that a service can be started.
public struct UnitVerification: Codable, Equatable, Sendable {
  public var name: String
  public var time: Double
  public var passed: Bool
  public var seconds: Double
  /// What was found: "ready after 312 ms", or why it failed.
  public var message: String
  /// The last that it wrote, if it failed.
  public var lastLines: [String]

  public init(
    name: String, time: Double, passed: Bool, seconds: Double, message: String, lastLines: [String] = []
  ) {
    self.name = name
    self.time = time
    self.passed = passed
    self.seconds = seconds
    self.message = message
    self.lastLines = lastLines
  }
}

/// Somebody wants a service to stay up.
public struct UnitHold: Codable, Equatable, Sendable {
  /// Names it among those of its unit.
  public var id: Int
  public var since: Double
  /// nil: as long as whoever holds it stays connected.
  public var until: Double?
  /// "pg_dump[4711]".
  public var holder: String
  public var reason: String?

  public init(id: Int, since: Double, until: Double? = nil, holder: String, reason: String? = nil) {
    self.id = id
    self.since = since
    self.until = until
    self.holder = holder
    self.reason = reason
  }
}

/// What a unit was read as, for people to look at.
public struct UnitSettings: Codable, Equatable, Sendable {
  public var command: [String]
  public var description: String?
  /// Drop-ins, in the order in which they were applied.
  public var dropIns: [String]
  /// nil: it never rests.
  public var idleTimeoutSeconds: Double?
  /// "auto", "listen-fds", … as `--handover` takes it.
  public var handover: String
  /// "stop" or "freeze".
  public var rest: String
  /// The user whom it runs as; nil: the manager's own.
  public var user: String?
  /// Where its output goes, if that is a file.
  public var logFile: String?

  public init(
    command: [String], description: String? = nil, dropIns: [String] = [], idleTimeoutSeconds: Double? = nil,
    handover: String = "auto", rest: String = "stop", user: String? = nil, logFile: String? = nil
  ) {
    self.command = command
    self.description = description
    self.dropIns = dropIns
    self.idleTimeoutSeconds = idleTimeoutSeconds
    self.handover = handover
    self.rest = rest
    self.user = user
    self.logFile = logFile
  }
}
