import Lifecycle
import Linux
import Units

/// Makes of what unit files say what a service is run by.
struct UnitTranslation {
  let isSystem: Bool
  let roots: DirectoryRoots
  /// Names of our own variables that every service has. A user's have all of them, as the user's own HOME and PATH are there.
  private let inherited: [String]

  /// What our own supervisor tells us, and is so of us alone: manager_sanitize_environment() of systemd.
  private static let told: Set<String> = [
    "CACHE_DIRECTORY", "CONFIGURATION_DIRECTORY", "CREDENTIALS_DIRECTORY", "INVOCATION_ID", "JOURNAL_STREAM",
    "LOGS_DIRECTORY", "MAINPID", "MANAGERPID", "PIDFILE", "RUNTIME_DIRECTORY", "STATE_DIRECTORY", "SYSTEMD_EXEC_PID",
  ]

  init(isSystem: Bool) {
    self.isSystem = isSystem
    let ours = isSystem ? [] : Environment.all.map { ServiceEnvironment.name(of: $0) }
    inherited = ours.filter { !Self.told.contains($0) }
    roots = isSystem ? .system : DirectoryRoots.user(variable: Launcher.variable) ?? .system
  }

  func options(of unit: Unit) throws(ServiceError) -> ServiceOptions {
    var options = ServiceOptions(
      name: unit.name, command: [], listen: [], idleTimeout: unit.idle.timeout)
    options.handover = try handover(of: unit)
    let isNotified = unit.service.kind == .notify
    options.readiness = isNotified ? .notify : .auto
    options.account = try account(unit.service.execution)
    options.listen = try addresses(of: unit, options.socketAccess)
    options.execution = try execution(of: unit)
    options.connectionsMax = Int(unit.socket.maxConnections)
    options.connectionsPerSourceMax = unit.socket.maxConnectionsPerSource.map { Int($0) }
    options.mayKill = unit.idle.mayKill
    options.rest = Lifecycle.Configuration.Rest(unit.idle.rest)
    options.stopAfterFrozen = unit.idle.stopAfterFrozen
    options.watch = watch(of: unit, environment: options.execution.environment)
    options.startTimeout = unit.service.startTimeout
    options.stopTimeout = unit.service.timeoutStop
    options.minimumUptime = unit.idle.minimumUptime ?? .seconds(Int64(Int32.max))
    options.restart = Restart(rawValue: unit.service.restart.rawValue) ?? .no
    options.restartDelay = unit.service.restartDelay ?? .seconds(Int64(Int32.max))
    options.restartPreventing = Self.ends(unit.service.restartPreventExitStatus)
    options.restartForcing = Self.ends(unit.service.restartForceExitStatus)
    options.abortTimeout = unit.service.timeoutAbort ?? unit.service.timeoutStop
    options.startTimeoutMode = TimeoutMode(rawValue: unit.service.timeoutStartFailureMode.rawValue) ?? .terminate
    options.stopTimeoutMode = TimeoutMode(rawValue: unit.service.timeoutStopFailureMode.rawValue) ?? .terminate
    options.runtimeMax = unit.service.runtimeMax
    options.startLimit = Self.limit(unit.unit.startLimitBurst, unit.unit.startLimitInterval)
    options.triggerLimit = Self.limit(unit.socket.triggerLimit, unit.socket.triggerLimitInterval)
    options.socketMode = unit.socket.socketMode
    if let target = unit.idle.relayTo {
      do throws(ListenAddress.Malformed) {
        options.relayTarget = try RelayTarget(Self.text(target, isIPv6Only: false))
      } catch { throw ServiceError(error.description) }
    }
    options.proxyProtocol = ProxyProtocol(rawValue: unit.idle.proxyProtocol.rawValue)
    let conditions = unit.unit.conditions
    if !conditions.isEmpty { options.startCheck = { ConditionCheck.unmet(conditions) } }
    options.flushesPending = !unit.socket.accept && unit.sockets.contains(where: \.flushesPending)
    return options
  }

  private func watch(of unit: Unit, environment: [String]) -> WatchOptions {
    let idle = unit.idle
    var watch = WatchOptions()
    watch.connections = WatchOptions.Connections(rawValue: idle.connections.rawValue) ?? .open
    watch.senses = Set(idle.senses.map(\.rawValue)).union(["connections"])
    watch.processingThreshold = Double(idle.processingThreshold) / 10_000
    watch.ignoredSources = idle.ignoredSources.compactMap { SourceRange($0.description) }
    watch.busyCheck = idle.busyCheck.map { command in
      let line = Self.line(command)
      return [line.path] + line.arguments(environment: Self.variables(environment)).dropFirst()
    }
    // Each look waits for it, so that it needs an end.
    watch.busyCheckTimeout = min(idle.busyCheckTimeout ?? .seconds(300), .seconds(300))
    return watch
  }

  private static func limit(_ count: UInt32, _ interval: Duration?) -> Lifecycle.Configuration.Limit? {
    guard count > 0, let interval, interval > .zero else { return nil }
    return Lifecycle.Configuration.Limit(count: Int(count), interval: interval)
  }

  private static func ends(_ set: Units.ExitStatusSet) -> EndStatuses {
    EndStatuses(codes: Set(set.codes.map(Int32.init)), signals: Set(set.signals.map(\.number)))
  }

  // MARK: sockets

  private func addresses(of unit: Unit, _ access: SocketAccess) throws(ServiceError) -> [ListenAddress] {
    var addresses: [ListenAddress] = []
    for section in unit.sockets {
      for listen in section.listen { addresses.append(try address(listen, section, access)) }
    }
    guard !addresses.isEmpty else { throw ServiceError("no socket is to be held for it") }
    return addresses
  }

  private func address(
    _ listen: ListenSpecification, _ section: SocketSection, _ access: SocketAccess
  ) throws(ServiceError) -> ListenAddress {
    let access = try self.access(section, access)
    do throws(ListenAddress.Malformed) {
      let isIPv6Only = Self.isIPv6Only(section, listen)
      var address = try ListenAddress(Self.text(listen, isIPv6Only: isIPv6Only))
      if isIPv6Only { address.leaveIPv4ToOthers() }
      address.name = section.descriptorName
      address.settings = section.settings
      address.access = access
      if case .path = listen.address { address.symlinks = section.symlinks }
      return address
    } catch { throw ServiceError(error.description) }
  }

  private static func isIPv6Only(_ section: SocketSection, _ listen: ListenSpecification) -> Bool {
    switch (section.bindIPv6Only, listen.address) {
    case (.ipv6Only, _): true
    case (.both, _), (_, .path), (_, .abstract): false
    case (.systemDefault, .port), (.systemDefault, .ip):
      ProcessFiles.contents(of: "/proc/sys/net/ipv6/bindv6only")?.first == "1"
    }
  }

  /// As `torpor run -l` has it.
  static func text(_ listen: ListenSpecification, isIPv6Only: Bool) -> String {
    switch (listen.address, listen.kind) {
    case (.port(let port), .datagram): isIPv6Only ? "udp:[::]:\(port)" : "udp:*:\(port)"
    case (.port(let port), _): isIPv6Only ? "[::]:\(port)" : "*:\(port)"
    case (.ip(let address, let port, let scope?), let kind):
      // systemd has the interface behind the port.
      (kind == .datagram ? "udp:" : "") + "[\(address)%\(scope)]:\(port)"
    case (.ip, .datagram): "udp:\(listen.description)"
    case (.ip, _): listen.description
    case (.path, .datagram), (.abstract, .datagram): "dgram:\(listen.description)"
    case (.path, .sequentialPacket), (.abstract, .sequentialPacket): "seqpacket:\(listen.description)"
    case (.path, .fifo), (.abstract, .fifo): "fifo:\(listen.description)"
    case (.path, .stream), (.abstract, .stream): listen.description
    }
  }

  private func handover(of unit: Unit) throws(ServiceError) -> ServiceOptions.Handover {
    guard let handover = ServiceOptions.Handover(rawValue: unit.handover.rawValue) else {
      throw ServiceError("Handover=\(unit.handover.rawValue) is not known")
    }
    return handover
  }

  // MARK: processes

  private func account(_ settings: ProcessSettings) throws(ServiceError) -> Account? {
    guard let name = settings.user else { return nil }
    guard let account = Account(named: name) else { throw ServiceError("User=\(name): there is no such user") }
    return account
  }

  /// Who may connect to the paths of a socket unit; `access` is that of the service's user.
  private func access(_ section: SocketSection, _ access: SocketAccess) throws(ServiceError) -> SocketAccess {
    var access = access
    access.mode = section.socketMode
    access.directoryMode = section.directoryMode
    if let name = section.socketUser {
      guard let owner = Account(named: name) else { throw ServiceError("SocketUser=\(name): there is no such user") }
      access.user = owner.user
      access.group = owner.group
      access.isOwnerFixed = true
    }
    if let name = section.socketGroup {
      access.group = try group(name, "SocketGroup")
      access.isOwnerFixed = true
    }
    return access
  }

  private func group(_ name: String, _ key: String) throws(ServiceError) -> UInt32 {
    guard let group = Account.group(named: name) else { throw ServiceError("\(key)=\(name): there is no such group") }
    return group
  }

  /// How the commands of a socket unit are run. They get no socket.
  func commandOptions(_ commands: SocketCommands, named name: String) throws(ServiceError) -> ServiceOptions {
    var options = ServiceOptions(name: name, command: [], listen: [], idleTimeout: nil)
    options.handover = .listenFDs
    options.account = try account(commands.execution)
    options.execution = ExecutionSettings.unitDefaults
    try apply(commands.execution, to: &options.execution)
    // There is no main process; each command is named at its start.
    options.execution.start = [CommandLine(path: "/bin/true")]
    return options
  }

  private func execution(of unit: Unit) throws(ServiceError) -> ExecutionSettings {
    let service = unit.service
    var settings = ExecutionSettings.unitDefaults
    settings.kind = ExecutionSettings.Kind(rawValue: service.kind.rawValue) ?? .simple
    try apply(service.execution, to: &settings)
    settings.condition = service.execCondition.map { Self.line($0) }
    settings.startPre = service.execStartPre.map { Self.line($0) }
    settings.start = service.execStart.map { Self.line($0, isMain: true) }
    settings.startPost = service.execStartPost.map { Self.line($0) }
    settings.reload = service.execReload.map { Self.line($0) }
    settings.stop = service.execStop.map { Self.line($0) }
    settings.stopPost = service.execStopPost.map { Self.line($0) }
    settings.killMode = ExecutionSettings.KillMode(rawValue: service.killing.mode.rawValue) ?? .controlGroup
    settings.killSignal = service.killing.signal.number
    settings.restartKillSignal = service.killing.restartSignal?.number
    settings.finalKillSignal = service.killing.finalSignal.number
    settings.watchdogSignal = service.killing.watchdogSignal.number
    settings.sendSIGHUP = service.killing.sendsHangup
    settings.sendSIGKILL = service.killing.sendsKill
    settings.pidFile = service.pidFile
    settings.guessMainPID = service.guessMainPID
    settings.remainAfterExit = service.remainAfterExit
    settings.successExitStatus = ExitStatusSet(
      codes: Set(service.successExitStatus.codes.map(Int32.init)),
      signals: Set(service.successExitStatus.signals.map(\.number)))
    settings.notifyAccess = service.notifyAccess.flatMap { ExecutionSettings.NotifyAccess(rawValue: $0.rawValue) }
    settings.watchdog = service.watchdog
    return settings
  }

  private func apply(_ process: ProcessSettings, to settings: inout ExecutionSettings) throws(ServiceError) {
    settings.group = try process.group.map { name throws(ServiceError) in try group(name, "Group") }
    settings.supplementaryGroups = try process.supplementaryGroups.map { name throws(ServiceError) in
      try group(name, "SupplementaryGroups")
    }
    if let directory = process.workingDirectory {
      settings.workingDirectory =
        switch directory.place {
        case .path(let path): .path(path, mayBeMissing: directory.isOptional)
        case .home: .home(mayBeMissing: directory.isOptional)
        }
    } else if !isSystem {
      settings.workingDirectory = .home(mayBeMissing: true)
    }
    settings.umask = process.umask
    settings.nice = process.nice
    settings.ioPriority = process.ioSetting
    settings.ignoreSIGPIPE = process.ignoresSIGPIPE
    settings.oomScoreAdjust = process.oomScoreAdjust
    settings.limits = process.limits.compactMap { resource, limit in
      Linux.ResourceLimit.Resource(rawValue: resource.name).map {
        Linux.ResourceLimit($0, soft: limit.soft ?? .max, hard: limit.hard ?? .max)
      }
    }.sorted { $0.resource.rawValue < $1.resource.rawValue }
    settings.environment = process.environment.map { assignment in
      assignment.name + "=" + assignment.value.placeholderText(variable: { _ in nil }).joined()
    }
    settings.environmentFiles = process.environmentFiles.map { EnvironmentFile($0.path, mayBeMissing: $0.isOptional) }
    settings.passEnvironment = inherited + process.passEnvironment
    settings.unsetEnvironment = process.unsetEnvironment
    settings.noNewPrivileges = process.noNewPrivileges
    settings.directoryRoots = roots
    settings.directories =
      Self.directories(.runtime, process.runtimeDirectory) + Self.directories(.state, process.stateDirectory)
      + Self.directories(.cache, process.cacheDirectory) + Self.directories(.logs, process.logsDirectory)
      + Self.directories(.configuration, process.configurationDirectory)
    settings.runtimeDirectoryPreserve =
      ServiceDirectory.Preservation(rawValue: process.runtimeDirectoryPreserve.rawValue) ?? .no
  }

  private static func directories(
    _ kind: ServiceDirectory.Kind, _ managed: ProcessSettings.ManagedDirectories
  ) -> [ServiceDirectory] {
    managed.directories.map { ServiceDirectory(kind, $0.path, mode: managed.mode) }
  }

  /// Variables as they are: in `ExecutionSettings.environment` percent signs are doubled for the placeholders' sake.
  static func variables(_ environment: [String]) -> [String] { environment.map { $0.replacing("%%", with: "%") } }

  /// A command in the form in which it is expanded at its start. Of the main one placeholders for descriptors are expanded first,
  /// so that a percent sign is doubled there.
  static func line(_ command: Command, isMain: Bool = false) -> CommandLine {
    let expands = command.arguments.contains { $0.parts.contains(where: \.isVariable) }
    var words = command.arguments.map { word($0, expandsVariables: expands, isMain: isMain) }
    let zeroth = words.isEmpty ? command.path : words.removeFirst()
    return CommandLine(
      path: command.path, argument0: zeroth == command.path ? nil : zeroth, words: words,
      ignoresFailure: command.ignoresFailure, expandsVariables: expands,
      fullPrivileges: command.privileges != .restricted, isUnrestricted: command.privileges == .full)
  }

  private static func word(_ template: Template, expandsVariables: Bool, isMain: Bool) -> String {
    template.parts.map { part in
      switch part {
      case .literal(let text):
        var text = isMain ? text.replacing("%", with: "%%") : text
        if expandsVariables { text = text.replacing("$", with: "$$") }
        return text
      case .variable(let name): return "${\(name)}"
      case .words(let name): return "$\(name)"
      case .placeholder(let placeholder): return placeholder.description
      }
    }.joined()
  }

  // MARK: output

  func output(of unit: Unit) -> ServiceOutput.Settings { output(of: unit.service.execution) }

  func output(of process: ProcessSettings) -> ServiceOutput.Settings {
    var settings = ServiceOutput.Settings(
      output: Self.stream(process.standardOutput), error: Self.stream(process.standardError))
    settings.identifier = process.syslogIdentifier
    return settings
  }

  private static func stream(_ output: ProcessSettings.StandardOutput) -> StandardStream {
    switch output {
    case .inherit: .inherit
    case .null: .null
    case .journal: JournalStream.isAvailable ? .journal : .log
    case .socket: .socket
    case .file(let path): .file(path)
    case .append(let path): .append(path)
    case .truncate(let path): .truncate(path)
    }
  }
}

extension Template.Part {
  fileprivate var isVariable: Bool {
    switch self {
    case .variable, .words: true
    case .literal, .placeholder: false
    }
  }
}
