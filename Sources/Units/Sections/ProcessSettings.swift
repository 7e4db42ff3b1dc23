/// What processes of a unit are given: systemd.exec(5). Of `[Service]` for the service's, of `[Socket]` for its commands'.
public struct ProcessSettings: Equatable, Sendable {
  /// A name or a number.
  public var user: String?
  public var group: String?
  public var supplementaryGroups: [String] = []
  public var workingDirectory: WorkingDirectory?
  public var umask: UInt32 = 0o022
  /// nil: the manager's.
  public var nice: Int32?
  public var oomScoreAdjust: Int32?
  /// nil: the kernel's default.
  public var ioClass: IOClass?
  /// 0 is the first, 7 the last to be served.
  public var ioPriority: Int32?
  public var limits: [ResourceLimit.Resource: ResourceLimit] = [:]
  /// In their order; no name comes twice.
  public var environment: [EnvironmentSyntax.Assignment] = []
  /// They win over `environment`.
  public var environmentFiles: [EnvironmentFile] = []
  /// Names of the manager's own variables that are handed on.
  public var passEnvironment: [String] = []
  /// Names, or NAME=VALUE for only that value. They win over all.
  public var unsetEnvironment: [String] = []
  public var standardInput = StandardInput.null
  public var standardOutput = StandardOutput.journal
  public var standardError = StandardOutput.inherit
  public var syslogIdentifier: String?
  public var noNewPrivileges = false
  public var ignoresSIGPIPE = true
  public var runtimeDirectory = ManagedDirectories()
  public var stateDirectory = ManagedDirectories()
  public var cacheDirectory = ManagedDirectories()
  public var logsDirectory = ManagedDirectories()
  public var configurationDirectory = ManagedDirectories()
  public var runtimeDirectoryPreserve = DirectoryPreservation.no

  public init() {}

  /// Of equal names the last counts. All at once, as there may be many.
  mutating func dropOverriddenVariables() {
    guard environment.count > 1 else { return }
    var names: Set<String> = []
    environment = environment.reversed().filter { names.insert($0.name).inserted }.reversed()
  }

  public enum IOClass: String, CaseIterable, Sendable {
    case none, realtime
    case bestEffort = "best-effort"
    case idle
  }

  public struct WorkingDirectory: Equatable, Sendable {
    public enum Place: Equatable, Sendable {
      case path(String)
      /// `~`: the home directory of the user that the process runs as.
      case home
    }

    public let place: Place
    /// `-`: where it isn't there, the root directory will do.
    public let isOptional: Bool
  }

  public struct EnvironmentFile: Equatable, Sendable {
    /// An absolute path; `*`, `?` and `[` in it make it a pattern, glob(7).
    public let path: String
    /// `-`: need not be there.
    public let isOptional: Bool
  }

  public enum StandardInput: Equatable, Sendable {
    case null
    /// The connection of `Accept=yes`, or the only held socket.
    case socket
  }

  public enum StandardOutput: Equatable, Sendable {
    /// Where the standard output (for the error: the output, for the output: the input) goes.
    case inherit
    case null
    /// The service's log: journald where it runs, else a file of the manager's.
    case journal
    case socket
    /// Written from its start, without truncation.
    case file(String)
    case append(String)
    case truncate(String)
  }

  /// Directories that are made below one of the roots before a start.
  public struct ManagedDirectories: Equatable, Sendable {
    public var directories: [Directory] = []
    public var mode: UInt32 = 0o755

    public init() {}

    public struct Directory: Equatable, Sendable {
      /// Relative to the root.
      public let path: String
      /// Further names of it, also relative: symbolic links.
      public let links: [String]
    }
  }

  public enum DirectoryPreservation: String, CaseIterable, Sendable {
    case no, yes, restart
  }
}

/// How the processes of a unit are ended: systemd.kill(5).
public struct KillSettings: Equatable, Sendable {
  public enum Mode: String, CaseIterable, Sendable {
    case controlGroup = "control-group"
    case mixed, process, none
  }

  public var mode = Mode.controlGroup
  public var signal = Signal.terminate
  /// nil: as `signal`.
  public var restartSignal: Signal?
  public var finalSignal = Signal.kill
  public var watchdogSignal = Signal.abort
  public var sendsHangup = false
  public var sendsKill = true

  public init() {}
}
