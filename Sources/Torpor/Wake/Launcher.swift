import Glibc
import Linux

/// Starts a service: environment, sockets, user, filter.
final class Launcher {
  private let options: ServiceOptions
  private let path: String
  private var forbidsNewPrivileges: Bool
  private var trapsBind: Bool
  private var hasCgroup = true
  /// The one we were started with.
  private let fileLimit: FileLimit?
  var onWarning: ((String) -> Void)?

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
    trapsBind = options.handover != .listenFDs
    forbidsNewPrivileges = trapsBind && geteuid() != 0
  }

  static func variable(_ name: String) -> String? {
    unsafe getenv(name).map { unsafe String(cString: $0) }
  }

  /// Whether the service's own bind() can land on a held socket.
  var canAdopt: Bool { trapsBind }

  /// Tries with all that is wanted, and without what this machine refuses and the service can do without.
  func start(
    sockets: [Int32], notifySocket: String?, standardInput: Int32, standardOutput: Int32?, standardError: Int32,
    processes: ServiceProcesses
  ) throws(Spawn.Failure) -> Spawn.Process {
    // Each failure below turns one thing off, so there are at most four tries.
    while true {
      var spawn = Spawn(
        path: path, arguments: options.command, environment: environment(sockets: sockets.count, notifySocket))
      spawn.standardInput = standardInput
      spawn.standardOutput = standardOutput
      spawn.standardError = standardError
      spawn.sockets = options.handover == .adopt ? [] : sockets
      spawn.cgroup = hasCgroup ? processes.cgroupDirectory(named: "torpor-\(options.name)-\(getpid())") : nil
      spawn.account = geteuid() == 0 ? options.account : nil
      spawn.trapsBind = trapsBind
      spawn.trappedPaths = options.paths
      spawn.trapsNotifications = notifySocket != nil
      spawn.fileLimit = fileLimit
      spawn.forbidsNewPrivileges = forbidsNewPrivileges
      let usesCgroup = spawn.cgroup != nil
      do throws(Spawn.Failure) { return try spawn.run() } catch {
        switch (error.step, error.errno) {
        case (.clone, _) where usesCgroup:
          hasCgroup = false
          processes.dropCgroup()
        case (.filter, .accessDenied) where !forbidsNewPrivileges:
          // Root without CAP_SYS_ADMIN, as in many containers.
          forbidsNewPrivileges = true
        case (.filter, _) where options.handover == .auto && trapsBind:
          trapsBind = false
          onWarning?(
            "bind() can't be adopted here (seccomp: \(error.errno)); only a service that takes LISTEN_FDS can be served"
          )
        default: throw error
        }
      }
    }
  }

  /// Ours, less what belongs to our own supervisor, plus the sockets' (sd_listen_fds(3)).
  private func environment(sockets: Int, _ notifySocket: String?) -> [String] {
    let ours: Set<Substring> = [
      "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
    ]
    var account: [String] = []
    if let user = options.account, geteuid() == 0 {
      account = ["HOME=\(user.home)", "USER=\(user.name)", "LOGNAME=\(user.name)", "SHELL=\(user.shell)"]
    }
    let replaced = ours.union(account.compactMap { $0.split(separator: "=").first })
    var variables = Environment.all.filter { variable in
      variable.split(separator: "=", maxSplits: 1).first.map { !replaced.contains($0) } ?? false
    }
    variables += account
    if options.handover != .adopt {
      let names = [String](repeating: options.name.replacing(":", with: "_") + ".socket", count: sockets)
      variables += ["LISTEN_FDS=\(sockets)", "LISTEN_FDNAMES=\(names.joined(separator: ":"))"]
    }
    if let notifySocket { variables.append("NOTIFY_SOCKET=\(notifySocket)") }
    return variables
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
