/// A directory that a service has from us: RuntimeDirectory= and its like (systemd.exec(5)).
public struct ServiceDirectory: Equatable, Sendable {
  public enum Kind: String, Sendable, CaseIterable {
    case runtime, state, cache, logs, configuration

    /// What tells the service of all of the kind.
    var variable: String {
      switch self {
      case .runtime: "RUNTIME_DIRECTORY"
      case .state: "STATE_DIRECTORY"
      case .cache: "CACHE_DIRECTORY"
      case .logs: "LOGS_DIRECTORY"
      case .configuration: "CONFIGURATION_DIRECTORY"
      }
    }
  }

  /// RuntimeDirectoryPreserve=: whether those of the kind `runtime` stay when it has ended.
  public enum Preservation: String, Sendable { case no, restart, yes }

  public var kind: Kind
  /// Relative, without "." and "..": "redis", "app/one".
  public var name: String
  public var mode: UInt32

  public init(_ kind: Kind, _ name: String, mode: UInt32 = 0o755) {
    self.kind = kind
    self.name = name
    self.mode = mode
  }
}

/// Below what they are.
public struct DirectoryRoots: Equatable, Sendable {
  public var runtime: String
  public var state: String
  public var cache: String
  public var logs: String
  public var configuration: String

  public init(runtime: String, state: String, cache: String, logs: String, configuration: String) {
    self.runtime = runtime
    self.state = state
    self.cache = cache
    self.logs = logs
    self.configuration = configuration
  }

  public static let system = DirectoryRoots(
    runtime: "/run", state: "/var/lib", cache: "/var/cache", logs: "/var/log", configuration: "/etc")

  /// A user's own, by the XDG base directories. nil: there is no HOME, so that nobody knows where.
  public static func user(variable: (String) -> String?) -> DirectoryRoots? {
    func absolute(_ name: String) -> String? { variable(name).flatMap { $0.hasPrefix("/") ? $0 : nil } }
    guard let home = absolute("HOME") else { return nil }
    let state = absolute("XDG_STATE_HOME") ?? home + "/.local/state"
    // Who has no session, as under cron or su, has no runtime directory: a replacement is left to us.
    return DirectoryRoots(
      runtime: absolute("XDG_RUNTIME_DIR") ?? state + "/torpor/runtime", state: state,
      cache: absolute("XDG_CACHE_HOME") ?? home + "/.cache", logs: state + "/log",
      configuration: absolute("XDG_CONFIG_HOME") ?? home + "/.config")
  }

  func root(of kind: ServiceDirectory.Kind) -> String {
    switch kind {
    case .runtime: runtime
    case .state: state
    case .cache: cache
    case .logs: logs
    case .configuration: configuration
    }
  }

  func path(of directory: ServiceDirectory) -> String { root(of: directory.kind) + "/" + directory.name }
}
