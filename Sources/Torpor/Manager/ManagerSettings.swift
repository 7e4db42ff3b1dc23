import Linux

/// Where a manager finds its units and keeps what it writes.
public struct ManagerSettings: Equatable, Sendable {
  /// The first that has a unit has it.
  public var unitPath: [String]
  /// The control socket, and what a reboot may forget.
  public var runtimeDirectory: String
  /// The journal of events.
  public var stateDirectory: String
  /// Services' output.
  public var logDirectory: String
  /// A protection that a unit asks for and doesn't get is an error.
  public var isStrict = false
  public let isSystem: Bool

  public static func system() -> ManagerSettings {
    ManagerSettings(
      unitPath: ["/etc/torpor", "/run/torpor/units", "/usr/local/lib/torpor", "/usr/lib/torpor"],
      runtimeDirectory: "/run/torpor", stateDirectory: "/var/lib/torpor", logDirectory: "/var/log/torpor",
      isSystem: true)
  }

  /// Those of the XDG Base Directory Specification. Throws where there is no home.
  public static func user() throws(ServiceError) -> ManagerSettings { try user(Launcher.variable) }

  static func user(_ variable: (String) -> String?) throws(ServiceError) -> ManagerSettings {
    func directory(_ name: String, below home: String) -> String? {
      // "All paths set in these environment variables must be absolute."
      if let path = variable(name), path.hasPrefix("/") { return path }
      return variable("HOME").flatMap { $0.hasPrefix("/") ? "\($0)/\(home)" : nil }
    }
    guard let configuration = directory("XDG_CONFIG_HOME", below: ".config"),
      let state = directory("XDG_STATE_HOME", below: ".local/state"),
      let data = directory("XDG_DATA_HOME", below: ".local/share")
    else {
      throw ServiceError("neither HOME nor the XDG directories are set: say --unit-path and the others", exitCode: 2)
    }
    let runtime = variable("XDG_RUNTIME_DIR").flatMap { $0.hasPrefix("/") ? $0 : nil }
    return ManagerSettings(
      unitPath: ["\(configuration)/torpor", "/etc/torpor/user", "\(data)/torpor", "/usr/lib/torpor/user"],
      runtimeDirectory: (runtime ?? state) + "/torpor", stateDirectory: "\(state)/torpor",
      logDirectory: "\(state)/torpor/log", isSystem: false)
  }

  public var controlPath: String { "\(runtimeDirectory)/control" }
}
