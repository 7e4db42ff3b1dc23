/// After which ends a service is started again though nobody waits: systemd.service(5), Restart=, table 1.
public enum Restart: String, Equatable, Sendable {
  case no
  case onSuccess = "on-success"
  case onFailure = "on-failure"
  case onAbnormal = "on-abnormal"
  case onAbort = "on-abort"
  case onWatchdog = "on-watchdog"
  case always

  /// The rows of that table.
  enum End: Equatable {
    case clean
    case uncleanStatus
    case uncleanSignal
    case timeout
    case watchdog
  }

  func applies(to end: End) -> Bool {
    switch self {
    case .no: false
    case .always: true
    case .onSuccess: end == .clean
    case .onFailure: end != .clean
    case .onAbnormal: end == .uncleanSignal || end == .timeout || end == .watchdog
    case .onAbort: end == .uncleanSignal
    case .onWatchdog: end == .watchdog
    }
  }
}

/// Ways to end: exit codes, and signals with a core dump or without.
public struct EndStatuses: Equatable, Sendable, CustomStringConvertible {
  public var codes: Set<Int32>
  public var signals: Set<Int32>

  public init(codes: Set<Int32> = [], signals: Set<Int32> = []) {
    self.codes = codes
    self.signals = signals
  }

  /// The same for equal ones, which a set alone doesn't promise.
  public var description: String { "codes \(codes.sorted()), signals \(signals.sorted())" }

  public func contains(_ status: ExitStatus) -> Bool {
    switch status {
    case .exited(let code): codes.contains(code)
    case .signalled(let signal, _): signals.contains(signal)
    case .unknown: false
    }
  }
}

/// What is done to a service that takes too long: systemd.service(5), TimeoutStartFailureMode=.
public enum TimeoutMode: String, Equatable, Sendable {
  /// It is told to end, and killed if it doesn't. An end that takes too long comes to the latter at once.
  case terminate
  /// The same with the watchdog's signal, which dumps core.
  case abort
  case kill
}

/// What is ended of a service besides its main process: systemd.kill(5), KillMode=.
public enum KillMode: String, Equatable, Sendable {
  /// Every process: what outlives the main one is told to end, and given some time.
  case controlGroup = "control-group"
  /// The main process is told to end, and what outlives it is killed.
  case mixed
  /// The main process alone. What it leaves behind is nobody's; "no process is left" is said of the main one.
  case process
}

extension Failure {
  var end: Restart.End {
    switch self {
    case .cannotStart: .uncleanStatus
    case .startTimedOut, .ranTooLong: .timeout
    case .watchdog: .watchdog
    case .diedStarting(let status), .died(let status), .leftClientsWaiting(let status): status.failedEnd
    }
  }
}

extension ExitStatus {
  /// SIGHUP, SIGINT, SIGPIPE, SIGTERM.
  private static let cleanSignals: Set<Int32> = [1, 2, 13, 15]

  /// Of one that has failed: a status of 0 doesn't help it then.
  fileprivate var failedEnd: Restart.End {
    switch self {
    case .exited, .unknown: .uncleanStatus
    case .signalled(let signal, _): Self.cleanSignals.contains(signal) ? .clean : .uncleanSignal
    }
  }
}
