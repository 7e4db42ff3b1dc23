/// What `[Service]` says: systemd.service(5), systemd.exec(5), systemd.kill(5).
public struct ServiceSection: Equatable, Sendable {
  public enum Kind: String, Sendable, CaseIterable {
    case simple, exec, notify, forking, oneshot
  }

  public enum Restart: String, Sendable, CaseIterable {
    case no, always
    case onSuccess = "on-success"
    case onFailure = "on-failure"
    case onAbnormal = "on-abnormal"
    case onAbort = "on-abort"
    case onWatchdog = "on-watchdog"
  }

  public enum NotifyAccess: String, Sendable, CaseIterable {
    case none, main, exec, all
  }

  public enum TimeoutFailureMode: String, Sendable, CaseIterable {
    case terminate, abort, kill
  }

  public var kind = Kind.simple
  public var execCondition: [Command] = []
  public var execStartPre: [Command] = []
  /// Exactly one, but for `Type=oneshot`.
  public var execStart: [Command] = []
  public var execStartPost: [Command] = []
  public var execReload: [Command] = []
  public var execStop: [Command] = []
  public var execStopPost: [Command] = []
  public var restart = Restart.no
  public var restartDelay: Duration? = .milliseconds(100)
  /// nil: no limit, for all of these. `Type=oneshot` has none unless the key is there: see `hasTimeoutStart`.
  public var timeoutStart: Duration? = .seconds(90)
  /// Whether `TimeoutStartSec=` or `TimeoutSec=` is written.
  public var hasTimeoutStart = false
  public var timeoutStop: Duration? = .seconds(90)
  /// nil: as `timeoutStop`.
  public var timeoutAbort: Duration??
  public var timeoutStartFailureMode = TimeoutFailureMode.terminate
  public var timeoutStopFailureMode = TimeoutFailureMode.terminate
  /// nil: no limit.
  public var runtimeMax: Duration?
  /// nil: no watchdog.
  public var watchdog: Duration?
  public var remainAfterExit = false
  public var guessMainPID = true
  public var pidFile: String?
  public var successExitStatus = ExitStatusSet()
  public var restartPreventExitStatus = ExitStatusSet()
  public var restartForceExitStatus = ExitStatusSet()
  /// nil: `main` where a notification is waited for, else none.
  public var notifyAccess: NotifyAccess?
  /// Names of further socket units that belong to it.
  public var sockets: [String] = []
  public var execution = ProcessSettings()
  public var killing = KillSettings()

  public init() {}

  /// How long a start may take; nil: for ever.
  public var startTimeout: Duration? { kind == .oneshot && !hasTimeoutStart ? nil : timeoutStart }
}
