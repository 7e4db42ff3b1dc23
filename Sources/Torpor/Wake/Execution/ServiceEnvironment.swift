import Glibc
import Linux

/// The environment of a service's processes: "NAME=VALUE", of which the last of a name holds until it is finished.
struct ServiceEnvironment {
  private let options: ServiceOptions
  private var settings: ExecutionSettings { options.execution }

  init(_ options: ServiceOptions) { self.options = options }

  /// In systemd's order (exec_child()): what is general first, what is special last. `own`: what we tell it, which nothing beats.
  /// `tell` hears of what environment files have besides variables.
  func variables(
    configured: [String], own: [String], tell: (String) -> Void = { _ in }
  ) throws(LaunchFailure) -> [String] {
    var variables = base + identity + directories + configured
    for file in settings.environmentFiles { variables += try file.read(tell: tell) }
    variables = Self.lastOfEach(variables)
    let unset = Set(settings.unsetEnvironment)
    variables.removeAll { unset.contains($0) || unset.contains(Self.name(of: $0)) }
    return Self.lastOfEach(variables + own)
  }

  /// What of ours it has.
  private var base: [String] {
    let ours = Environment.all.filter { !ServiceOptions.ownVariables.contains(Self.name(of: $0)) }
    switch settings.baseEnvironment {
    case .inherited: return ours
    case .minimal:
      let passed = Set(settings.passEnvironment)
      return ["PATH=\(CommandPath.systemDirectories)"]
        + ours.filter { variable in
          let name = Self.name(of: variable)
          return passed.contains(name) || name == "LANG" || name == "LANGUAGE" || name.hasPrefix("LC_")
        }
    }
  }

  private var identity: [String] {
    guard let user = options.account, geteuid() == 0 else { return [] }
    return ["HOME=\(user.home)", "USER=\(user.name)", "LOGNAME=\(user.name)", "SHELL=\(user.shell)"]
  }

  /// RUNTIME_DIRECTORY and its like: full paths, a colon between two.
  private var directories: [String] {
    ServiceDirectory.Kind.allCases.compactMap { kind in
      let paths = settings.directories.filter { $0.kind == kind }.map { settings.directoryRoots.path(of: $0) }
      return paths.isEmpty ? nil : "\(kind.variable)=\(paths.joined(separator: ":"))"
    }
  }

  static func name(of variable: String) -> String { String(variable.prefix { $0 != "=" }) }

  static func value(of name: String, in variables: [String]) -> String? {
    variables.last { Self.name(of: $0) == name }.map { String($0.dropFirst(name.count + 1)) }
  }

  private static func lastOfEach(_ variables: [String]) -> [String] {
    var seen: Set<String> = []
    return variables.reversed().filter { seen.insert(name(of: $0)).inserted }.reversed()
  }
}
