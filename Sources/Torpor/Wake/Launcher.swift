import Glibc
import Linux

/// Starts a service: environment, sockets, user, filter.
final class Launcher {
  private let options: ServiceOptions
  private let path: String
  private let words: CommandWords
  private var forbidsNewPrivileges: Bool
  private var trapsBind: Bool
  private var hasCgroup = true
  /// The one we were started with.
  private let fileLimit: FileLimit?
  var onWarning: ((String) -> Void)?
  /// What is preloaded where bind() can't be trapped; nil: nothing is.
  var shim: Shim?
  private var preloads = false

  /// Fails when the command isn't there, so that a mistake is told before anybody waits.
  init(_ options: ServiceOptions) throws(ServiceError) {
    self.options = options
    fileLimit = try? FileLimit.raise()
    let command = options.command.first ?? ""
    do throws(Errno) {
      path = try CommandPath.resolve(command, path: Self.variable("PATH"))
    } catch {
      throw ServiceError("cannot start '\(command)': \(error)", exitCode: error == .noEntry ? 127 : 126)
    }
    if let account = options.account, geteuid() != 0, account.user != geteuid() {
      throw ServiceError("cannot run '\(command)' as user '\(account.name)': only root may change the user")
    }
    do throws(PlaceholderText.Mistake) {
      words = try CommandWords(command: options.command, environment: options.environment)
    } catch { throw ServiceError(error.description, exitCode: 2) }
    if !options.handover.passesSockets, words.nameDescriptors {
      throw ServiceError(
        "a placeholder of the command stands for a descriptor, and --handover \(options.handover.rawValue) passes none",
        exitCode: 2)
    }
    trapsBind = options.handover.trapsBind
    forbidsNewPrivileges = trapsBind && geteuid() != 0
  }

  static func variable(_ name: String) -> String? {
    unsafe getenv(name).map { unsafe String(cString: $0) }
  }

  /// Whether the service's own bind() can land on a held socket.
  var canAdopt: Bool { trapsBind }

  var cgroupName: String { "torpor-\(options.name)-\(getpid())" }

  /// Says at the start what else would be said at the first wake: a placeholder that means none of the sockets, or several.
  func check(_ sockets: [PlaceholderText.Socket]) throws(ServiceError) {
    do throws(PlaceholderText.Mistake) { _ = try words.expanded(sockets) } catch {
      throw ServiceError(error.description, exitCode: 2)
    }
  }

  /// Those whose descriptors the command names: the service has them without ever calling bind().
  func named(_ sockets: [PlaceholderText.Socket]) -> [Int] {
    let numbers = words.numbers(sockets)
    return sockets.indices.filter { numbers.contains(sockets[$0].number) }
  }

  /// Tries with all that is wanted, and without what this machine refuses and the service can do without.
  /// `passed` tells of each of `sockets` what it is to the service; `variables` are for this one start.
  func start(
    sockets: [Int32], passed: [PlaceholderText.Socket], notifySocket: String?, variables: [String] = [],
    standardInput: Int32, standardOutput: Int32?, standardError: Int32?, processes: some CgroupSource
  ) throws(Spawn.Failure) -> Spawn.Process {
    // Checked at the start; and a socket that is named is never given up.
    guard let expanded = try? words.expanded(passed) else { throw Spawn.Failure(step: .exec, errno: .invalid) }
    // Each failure below turns one thing off, so there are at most four tries.
    while true {
      var spawn = Spawn(
        path: path, arguments: expanded.arguments,
        environment: environment(passed.map(\.name), notifySocket, added: expanded.variables + variables))
      if preloads {
        do throws(Shim.Unavailable) {
          let variables = try shim?.begin(paths: !options.paths.isEmpty, notifications: notifySocket != nil)
          if let variables { spawn.environment = variables.added(to: spawn.environment) }
        } catch { onWarning?("bind() can't be adopted now: no library can be preloaded: \(error.description)") }
      }
      spawn.standardInput = standardInput
      spawn.standardOutput = standardOutput
      spawn.standardError = standardError
      spawn.sockets = options.handover.passesSockets ? sockets : []
      spawn.cgroup = hasCgroup ? processes.cgroupDirectory(named: cgroupName) : nil
      spawn.account = geteuid() == 0 ? options.account : nil
      spawn.trapsBind = trapsBind
      spawn.trappedPaths = options.paths
      spawn.trapsNotifications = notifySocket != nil
      spawn.fileLimit = fileLimit
      spawn.forbidsNewPrivileges = forbidsNewPrivileges
      let usesCgroup = spawn.cgroup != nil
      do throws(Spawn.Failure) { return try spawn.run() } catch {
        shim?.cancel()
        switch (error.step, error.errno) {
        case (.clone, _) where usesCgroup:
          hasCgroup = false
          processes.dropCgroup()
        case (.filter, .accessDenied) where !forbidsNewPrivileges:
          // Root without CAP_SYS_ADMIN, as in many containers.
          forbidsNewPrivileges = true
        case (.filter, _) where trapsBind && preloads(insteadOf: error.errno):
          trapsBind = false
          forbidsNewPrivileges = false
        case (.filter, _) where options.handover == .auto && trapsBind:
          trapsBind = false
        default: throw error
        }
      }
    }
  }

  /// Whether its bind() can be adopted by a preloaded library as the filter was refused.
  private func preloads(insteadOf refusal: Errno) -> Bool {
    var reason = ""
    do throws(Shim.Unavailable) {
      if let shim {
        try shim.check()
        preloads = true
        onWarning?(
          "bind() can't be trapped here (seccomp: \(refusal)); a preloaded library adopts it instead: static programs, those "
            + "that make system calls by themselves (Go), and setuid ones need LISTEN_FDS")
        return true
      }
    } catch { reason = "; to preload a library: \(error.description)" }
    onWarning?(
      "bind() can't be adopted here (seccomp: \(refusal)\(reason)); only a service that takes LISTEN_FDS can be served")
    return false
  }

  /// The one we have, less our own, plus what was asked for and the sockets' (sd_listen_fds(3)).
  private func environment(_ names: [String], _ notifySocket: String?, added: [String]) -> [String] {
    var additions: [String] = []
    if let user = options.account, geteuid() == 0 {
      additions = ["HOME=\(user.home)", "USER=\(user.name)", "LOGNAME=\(user.name)", "SHELL=\(user.shell)"]
    }
    // The last of one name holds: what was asked for beats what comes with the user.
    additions = Self.lastOfEach(additions + added)
    let replaced = ServiceOptions.ownVariables.union(additions.map(Self.name))
    var variables = Environment.all.filter { !replaced.contains(Self.name(of: $0)) } + additions
    if options.handover.passesSockets {
      variables += ["LISTEN_FDS=\(names.count)", "LISTEN_FDNAMES=\(names.joined(separator: ":"))"]
    }
    if let notifySocket { variables.append("NOTIFY_SOCKET=\(notifySocket)") }
    return variables
  }

  private static func name(of variable: String) -> String { String(variable.prefix { $0 != "=" }) }

  private static func lastOfEach(_ variables: [String]) -> [String] {
    var seen: Set<String> = []
    return variables.reversed().filter { seen.insert(name(of: $0)).inserted }.reversed()
  }

  /// "cannot start 'redis-server': Permission denied".
  func describe(_ failure: Spawn.Failure) -> String {
    let what: String
    switch failure.step {
    case .clone: what = "no process could be made: "
    case .descriptors: what = "its descriptors could not be set up: "
    case .filter: what = "its bind() can't be adopted (seccomp; try --handover listen-fds): "
    case .groups: what = "cannot take the groups of user '\(options.account?.name ?? "")': "
    case .user: what = "cannot become user '\(options.account?.name ?? "")': "
    case .exec: what = ""
    }
    return "cannot start '\(options.command.first ?? "")': \(what)\(failure.errno)"
  }
}

/// Whose processes a start is one of.
protocol CgroupSource: AnyObject {
  /// The directory of the cgroup to be born in; nil where there is none that we may write.
  func cgroupDirectory(named name: String) -> Int32?
  /// clone3 can't use it.
  func dropCgroup()
}
