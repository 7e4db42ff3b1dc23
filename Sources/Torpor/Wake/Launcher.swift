import Glibc
import Linux

import struct Units.Shared

/// Starts a service's processes: environment, sockets, user, limits, filter.
final class Launcher {
  private let sharedOptions: Shared<ServiceOptions>
  private var options: ServiceOptions { sharedOptions.value }
  private var settings: ExecutionSettings { options.execution }
  /// The only command that was found beforehand; nil: a unit's are looked for at each start.
  private let path: String?
  private var forbidsNewPrivileges: Bool
  private var trapsBind: Bool
  private var hasCgroup = true
  private var mayLowerOOMScore = true
  /// The one we were started with.
  private let fileLimit: FileLimit?
  var onWarning: ((String) -> Void)?
  private var toldProblems: [String] = []
  /// What is preloaded where bind() can't be trapped; nil: nothing is.
  private(set) var shim: Shim?
  private var preloads = false

  /// Fails when the command isn't there, so that a mistake is told before anybody waits.
  init(_ sharedOptions: Shared<ServiceOptions>) throws(ServiceError) {
    self.sharedOptions = sharedOptions
    let options = sharedOptions.value
    fileLimit = try? FileLimit.raise()
    let program = Self.command(options).first ?? ""
    do throws(Errno) {
      path =
        options.execution.start.isEmpty ? try CommandPath.resolve(program, path: Self.variable("PATH")) : nil
    } catch {
      let hint =
        error == .noEntry && !program.contains("/")
        ? " (it is in none of the directories of PATH; name it from / on, as /usr/sbin/\(program))" : ""
      throw ServiceError("cannot start '\(program)': \(error)\(hint)", exitCode: error == .noEntry ? 127 : 126)
    }
    if let account = options.account, geteuid() != 0, account.user != geteuid() {
      throw ServiceError("cannot run '\(program)' as user '\(account.name)': only root may change the user")
    }
    let words: CommandWords
    do throws(PlaceholderText.Mistake) { words = try Self.words(options) } catch {
      throw ServiceError(error.description, exitCode: 2)
    }
    if !options.handover.passesSockets, words.nameDescriptors {
      throw ServiceError(
        "a placeholder of the command stands for a descriptor, and --handover \(options.handover.rawValue) passes none",
        exitCode: 2)
    }
    trapsBind = options.handover.trapsBind
    forbidsNewPrivileges = trapsBind && geteuid() != 0 || Self.forbidsNewPrivileges(options.execution)
  }

  private static func command(_ options: ServiceOptions) -> [String] {
    options.execution.start.last.map { [$0.path] + $0.words } ?? options.command
  }

  private static func words(_ options: ServiceOptions) throws(PlaceholderText.Mistake) -> CommandWords {
    try CommandWords(
      command: command(options), environment: options.execution.environment + options.environment)
  }

  private static func forbidsNewPrivileges(_ settings: ExecutionSettings) -> Bool {
    settings.noNewPrivileges && !(settings.start.last?.isUnrestricted ?? false)
  }

  static func variable(_ name: String) -> String? {
    unsafe getenv(name).map { unsafe String(cString: $0) }
  }

  /// Whether the service's own bind() can land on a held socket.
  var canAdopt: Bool { trapsBind }

  var cgroupName: String { "torpor-\(options.name)-\(getpid())" }

  /// What to preload is answered in `loop`, where its bind() can't be trapped.
  func mayPreload(loop: EventLoop, disposal: Disposal) {
    shim = Shim(for: options.account, loop: loop, disposal: disposal)
  }

  /// Says at the start what else would be said at the first wake: a placeholder that means none of the sockets, or several.
  func check(_ sockets: [PlaceholderText.Socket]) throws(ServiceError) {
    do throws(PlaceholderText.Mistake) { _ = try Self.words(options).expanded(sockets) } catch {
      throw ServiceError(error.description, exitCode: 2)
    }
  }

  /// Those whose descriptors the command names: the service has them without ever calling bind().
  func named(_ sockets: [PlaceholderText.Socket]) -> [Int] {
    guard let numbers = try? Self.words(options).numbers(sockets) else { return [] }
    return sockets.indices.filter { numbers.contains(sockets[$0].number) }
  }

  /// What an environment file has besides variables is told once, until it is another one.
  private func environment(configured: [String], own: [String]) throws(LaunchFailure) -> [String] {
    var problems: [String] = []
    defer { toldProblems = problems }
    return try ServiceEnvironment(options).variables(configured: configured, own: own) {
      problems.append($0)
      if !toldProblems.contains($0) { onWarning?($0) }
    }
  }

  /// Starts the main process. Tries with all that is wanted, and without what this machine refuses and the service can do without.
  /// `passed` tells of each of `sockets` what it is to the service; `variables` are for this one start.
  func start(
    sockets: [Int32], passed: [PlaceholderText.Socket], notifications: Notifications? = nil, variables: [String] = [],
    standard: StandardDescriptors, processes: some CgroupSource
  ) throws(LaunchFailure) -> Spawn.Process {
    // Checked at the start; and a socket that is named is never given up.
    guard let expanded = try? Self.words(options).expanded(passed) else {
      throw describe(Spawn.Failure(step: .exec, errno: .invalid))
    }
    var own = variables
    if options.handover.passesSockets {
      own += ["LISTEN_FDS=\(passed.count)", "LISTEN_FDNAMES=\(passed.map(\.name).joined(separator: ":"))"]
    }
    if let notifications { own += notifications.variables }
    let environment = try environment(configured: expanded.variables, own: own)
    let program = try program(environment, expanded.arguments)
    // Each failure below turns one thing off, so there are at most five tries.
    while true {
      var spawn = Spawn(path: program.path, arguments: program.arguments, environment: environment)
      prepare(&spawn, standard: standard, hasFullPrivileges: settings.start.last?.fullPrivileges ?? false)
      if preloads { preload(&spawn, notifications) }
      spawn.sockets = options.handover.passesSockets ? sockets : []
      spawn.pidVariables = notifications?.watchdog == nil ? [] : ["WATCHDOG_PID"]
      spawn.cgroup = cgroup(of: processes)
      spawn.trapsBind = trapsBind
      spawn.trappedPaths = options.paths
      spawn.trapsNotifications = notifications?.defersSockets ?? false
      spawn.forbidsNewPrivileges = forbidsNewPrivileges
      let usesCgroup = spawn.cgroup != nil
      do throws(Spawn.Failure) { return try spawn.run() } catch {
        shim?.cancel()
        switch (error.step, error.errno) {
        // It says nothing of what this machine can do: what would be turned off now would be missed for good.
        case (_, let errno) where errno.isShortage: throw describe(error)
        case (.clone, _) where usesCgroup:
          hasCgroup = false
          processes.dropCgroup()
        case (.oomScore, _) where mayLowerOOMScore: goOnWithoutOOMScore(error)
        case (.filter, .accessDenied) where !forbidsNewPrivileges:
          // Root without CAP_SYS_ADMIN, as in many containers.
          forbidsNewPrivileges = true
        case (.filter, _) where trapsBind && preloads(insteadOf: error.errno):
          trapsBind = false
          forbidsNewPrivileges = Self.forbidsNewPrivileges(settings)
        case (.filter, _) where options.handover == .auto && trapsBind:
          trapsBind = false
        default: throw describe(error)
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

  private func preload(_ spawn: inout Spawn, _ notifications: Notifications?) {
    do throws(Shim.Unavailable) {
      let variables = try shim?.begin(
        paths: !options.paths.isEmpty, notifications: notifications?.defersSockets ?? false)
      if let variables { spawn.environment = variables.added(to: spawn.environment) }
    } catch { onWarning?("bind() can't be adopted now: no library can be preloaded: \(error.description)") }
  }

  /// Starts one of the other commands: without sockets, and without our answering its calls.
  func start(
    _ command: CommandLine, variables: [String], standard: StandardDescriptors, processes: some CgroupSource
  ) throws(LaunchFailure) -> Spawn.Process {
    // These commands are told no descriptors, so that theirs in the environment name none.
    let environment = try ServiceEnvironment(options).variables(
      configured: (try? Self.words(options))?.literalVariables ?? [], own: variables)
    let path = try resolve(command.path, environment)
    // As above: each failure turns one thing off.
    while true {
      var spawn = Spawn(path: path, arguments: command.arguments(environment: environment), environment: environment)
      prepare(&spawn, standard: standard, hasFullPrivileges: command.fullPrivileges)
      spawn.cgroup = cgroup(of: processes)
      spawn.forbidsNewPrivileges = settings.noNewPrivileges && !command.isUnrestricted
      let usesCgroup = spawn.cgroup != nil
      do throws(Spawn.Failure) { return try spawn.run() } catch {
        switch error.step {
        case _ where error.errno.isShortage: throw describe(error, of: command.path)
        case .clone where usesCgroup:
          hasCgroup = false
          processes.dropCgroup()
        case .oomScore where mayLowerOOMScore: goOnWithoutOOMScore(error)
        default: throw describe(error, of: command.path)
        }
      }
    }
  }

  /// In a user namespace, say. systemd goes on without it as well, and doesn't say so.
  private func goOnWithoutOOMScore(_ failure: Spawn.Failure) {
    mayLowerOOMScore = false
    onWarning?("OOMScoreAdjust=\(settings.oomScoreAdjust ?? 0) can't be set here: \(failure.errno)")
  }

  private func program(
    _ environment: [String], _ words: [String]
  ) throws(LaunchFailure) -> (path: String, arguments: [String]) {
    if let path { return (path, words) }
    guard var command = settings.start.last else { throw LaunchFailure("there is no command") }
    command.words = Array(words.dropFirst())
    return (try resolve(command.path, environment), command.arguments(environment: environment))
  }

  private func resolve(_ command: String, _ environment: [String]) throws(LaunchFailure) -> String {
    do throws(Errno) {
      return try CommandPath.resolve(command, path: ServiceEnvironment.value(of: "PATH", in: environment))
    } catch { throw describe(Spawn.Failure(step: .exec, errno: error), of: command) }
  }

  private func cgroup(of processes: some CgroupSource) -> Int32? {
    hasCgroup ? processes.cgroupDirectory(named: "torpor-\(options.name)-\(getpid())") : nil
  }

  /// What all of a service's processes have in common.
  private func prepare(_ spawn: inout Spawn, standard: StandardDescriptors, hasFullPrivileges: Bool) {
    spawn.standardInput = standard.input
    spawn.standardOutput = standard.output
    spawn.standardError = standard.error
    if !hasFullPrivileges { spawn.identity = identity }
    spawn.limits = settings.limits
    if let fileLimit, !settings.limits.contains(where: { $0.resource == .files }) {
      spawn.limits.append(ResourceLimit(.files, soft: fileLimit.soft, hard: fileLimit.hard))
    }
    spawn.oomScoreAdjust = mayLowerOOMScore ? settings.oomScoreAdjust : nil
    spawn.nice = settings.nice
    spawn.ioPriority = settings.ioPriority
    spawn.mask = settings.umask
    spawn.ignoresBrokenPipes = settings.ignoreSIGPIPE
    switch settings.workingDirectory {
    case .inherited: break
    case .path(let path, let mayBeMissing):
      spawn.directory = path
      spawn.directoryMayBeMissing = mayBeMissing
    case .home(let mayBeMissing):
      spawn.directory = options.account?.home ?? Self.variable("HOME") ?? "/root"
      spawn.directoryMayBeMissing = mayBeMissing
    }
  }

  private var identity: Spawn.Identity {
    guard geteuid() == 0 else { return Spawn.Identity() }
    let group = settings.group ?? options.account?.group
    guard options.account != nil || group != nil || !settings.supplementaryGroups.isEmpty else {
      return Spawn.Identity()
    }
    var groups = options.account?.groups ?? []
    for added in [group].compactMap({ $0 }) + settings.supplementaryGroups where !groups.contains(added) {
      groups.append(added)
    }
    return Spawn.Identity(user: options.account?.user, group: group, groups: groups)
  }

  /// "cannot start 'redis-server': cannot change to directory '/srv/x': No such file or directory (200/CHDIR)".
  func describe(_ failure: Spawn.Failure, of command: String? = nil) -> LaunchFailure {
    let what: String
    switch failure.step {
    case .clone: what = "no process could be made: "
    case .descriptors: what = "its descriptors could not be set up: "
    case .filter where failure.errno.isShortage: what = "its bind() can't be adopted now: "
    case .filter: what = "its bind() can't be adopted (seccomp; try --handover listen-fds): "
    case .groups: what = "cannot take the groups of \(identityName): "
    case .user: what = "cannot become \(identityName): "
    case .exec: what = ""
    case .oomScore: what = "cannot set OOMScoreAdjust=\(settings.oomScoreAdjust ?? 0): "
    case .ioPriority: what = "cannot set its I/O priority: "
    case .nice: what = "cannot set Nice=\(settings.nice ?? 0): "
    case .limits: what = "cannot set Limit\(failure.limit?.rawValue ?? "")=: "
    case .directory: what = "cannot change to directory '\(directoryName)': "
    case .noNewPrivileges: what = "cannot set NoNewPrivileges=: "
    }
    let program = command ?? settings.start.last?.path ?? options.command.first ?? ""
    let status = failure.statusName.map { " (\($0))" } ?? ""
    return LaunchFailure("cannot start '\(program)': \(what)\(failure.errno)\(status)", isLasting: failure.isLasting)
  }

  private var identityName: String { options.account.map { "user '\($0.name)'" } ?? "its group" }

  private var directoryName: String {
    switch settings.workingDirectory {
    case .path(let path, _): path
    case .home: options.account?.home ?? Self.variable("HOME") ?? "/root"
    case .inherited: ""
    }
  }
}

/// Where a process's standard streams lead; nil: where ours does.
struct StandardDescriptors {
  var input: Int32
  var output: Int32?
  var error: Int32?
}

/// Whose processes a start is one of.
protocol CgroupSource: AnyObject {
  /// The directory of the cgroup to be born in; nil where there is none that we may write.
  func cgroupDirectory(named name: String) -> Int32?
  /// clone3 can't use it.
  func dropCgroup()
}

/// How a service may speak to us (sd_notify(3), sd_watchdog_enabled(3)).
struct Notifications {
  /// "@00042".
  let socket: String
  /// Its own READY=1 is waited for before it gets any held socket.
  var defersSockets = false
  /// How long it may be silent.
  var watchdog: Duration?

  var variables: [String] {
    ["NOTIFY_SOCKET=\(socket)"] + (watchdog.map { ["WATCHDOG_USEC=\($0.nanoseconds / 1000)"] } ?? [])
  }
}
