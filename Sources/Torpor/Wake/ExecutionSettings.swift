import Glibc
import Lifecycle
import Linux

/// What systemd's [Service] asks of starting and stopping a service, checked: systemd.service(5), systemd.exec(5) and
/// systemd.kill(5). The names are theirs. As it is made, it says what `torpor run` does.
public struct ExecutionSettings: Equatable, Sendable {
  /// When it counts as started.
  public enum Kind: String, Sendable, CaseIterable {
    /// Its sockets tell, see `ServiceOptions.Readiness`. A start has succeeded when exec has, so that these two are the same.
    case simple, exec
    /// READY=1 tells.
    case notify
    /// Its first process has ended well, and left the service behind.
    case forking
    /// It has ended well.
    case oneshot
  }

  /// Whom a signal to stop goes to.
  public enum KillMode: String, Sendable, CaseIterable {
    /// To the main process, and to all others when that has ended (systemd: to all at once).
    case controlGroup = "control-group"
    /// To the main process; the others are killed when that has ended.
    case mixed
    /// To the main process; the others are left alone, and are nobody's then.
    case process
    /// To nobody: `stop` commands are what ends it. After the stop timeout it is killed.
    case none
  }

  public enum NotifyAccess: String, Sendable, CaseIterable { case none, main, exec, all }

  public enum WorkingDirectory: Equatable, Sendable {
    /// That of whoever started us.
    case inherited
    /// Where it may be missing, "/" takes its place.
    case path(String, mayBeMissing: Bool = false)
    /// The user's, or our own user's.
    case home(mayBeMissing: Bool = false)
  }

  /// What a service finds in its environment besides what is named.
  public enum BaseEnvironment: String, Sendable {
    /// All of ours, as for a command of a shell.
    case inherited
    /// PATH and the language, and who it is: what systemd gives a system service.
    case minimal
  }

  public var kind = Kind.simple
  /// Group=, where it isn't the user's own. The user is `ServiceOptions.account`.
  public var group: UInt32?
  public var supplementaryGroups: [UInt32] = []

  public var workingDirectory = WorkingDirectory.inherited
  public var umask: UInt32?
  public var nice: Int32?
  /// As ioprio_set(2) has it.
  public var ioPriority: Int32?
  public var oomScoreAdjust: Int32?
  public var limits: [ResourceLimit] = []
  public var noNewPrivileges = false
  public var ignoreSIGPIPE = false

  public var baseEnvironment = BaseEnvironment.inherited
  /// Names of our own variables that it has nonetheless.
  public var passEnvironment: [String] = []
  /// "NAME=VALUE", with placeholders for descriptors as `ServiceOptions.environment` has them, before which they come.
  public var environment: [String] = []
  /// Read at each start; what they say beats all of the above.
  public var environmentFiles: [EnvironmentFile] = []
  /// "NAME" or "NAME=VALUE".
  public var unsetEnvironment: [String] = []

  /// What is run. More than one for `oneshot` only. Empty: `ServiceOptions.command`, as it stands.
  public var start: [CommandLine] = []
  public var condition: [CommandLine] = []
  public var startPre: [CommandLine] = []
  public var startPost: [CommandLine] = []
  public var reload: [CommandLine] = []
  public var stop: [CommandLine] = []
  public var stopPost: [CommandLine] = []

  public var killMode = KillMode.controlGroup
  public var killSignal = SIGTERM
  /// Instead of `killSignal`, when it is stopped to be started again at once.
  public var restartKillSignal: Int32?
  public var finalKillSignal = SIGKILL
  public var watchdogSignal = SIGABRT
  public var sendSIGHUP = false
  /// false: whatever it does, it isn't killed but by a second order to stop at once.
  public var sendSIGKILL = true

  /// An absolute path.
  public var pidFile: String?
  public var guessMainPID = true
  /// It counts as running when its processes have ended well, until it is stopped.
  public var remainAfterExit = false
  /// Ends other than status 0, SIGHUP, SIGINT, SIGTERM and SIGPIPE that are none of a failure.
  public var successExitStatus = ExitStatusSet()
  /// Whether the ends that systemd takes for good ones are: those four signals.
  public var cleanSignals = false

  /// nil: `main` where something else needs it (`kind`, `watchdog`), else `none`.
  public var notifyAccess: NotifyAccess?
  /// How long it may be silent.
  public var watchdog: Duration?

  public var directories: [ServiceDirectory] = []
  public var directoryRoots = DirectoryRoots.system
  public var runtimeDirectoryPreserve = ServiceDirectory.Preservation.no

  public init() {}

  /// KillSignal=, and what goes with it (systemd.kill(5)): a stopped process must go on to take it.
  ///
  /// - Parameter isRestarting: it is started again at once.
  func stopSignals(isRestarting: Bool) -> [Int32] {
    let first = isRestarting ? restartKillSignal ?? killSignal : killSignal
    return [first] + (sendSIGHUP ? [SIGHUP] : []) + (first == SIGKILL ? [] : [SIGCONT])
  }

  /// Of what a service that goes to the background leaves behind, none is its main process.
  var ignoresMainProcess: Bool { kind == .forking && !guessMainPID && pidFile == nil }

  /// What systemd gives a service of which nothing else is said.
  public static var unitDefaults: ExecutionSettings {
    var settings = ExecutionSettings()
    settings.baseEnvironment = .minimal
    settings.ignoreSIGPIPE = true
    settings.umask = 0o022
    settings.workingDirectory = .path("/")
    settings.cleanSignals = true
    return settings
  }
}

/// EnvironmentFile=.
public struct EnvironmentFile: Equatable, Sendable {
  /// Absolute; may be a pattern (glob(7)).
  public var path: String
  public var mayBeMissing: Bool

  public init(_ path: String, mayBeMissing: Bool = false) {
    self.path = path
    self.mayBeMissing = mayBeMissing
  }
}

/// SuccessExitStatus=, and what else is a list of such.
public struct ExitStatusSet: Equatable, Sendable {
  public var codes: Set<Int32>
  public var signals: Set<Int32>

  public init(codes: Set<Int32> = [], signals: Set<Int32> = []) {
    self.codes = codes
    self.signals = signals
  }
}

extension KillMode {
  /// The core's part in it: whether it tells those that are left to end, has them killed, or takes them for nobody's.
  init(_ mode: ExecutionSettings.KillMode) {
    switch mode {
    case .controlGroup, .none: self = .controlGroup
    case .mixed: self = .mixed
    case .process: self = .process
    }
  }
}
