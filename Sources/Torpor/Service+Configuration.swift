import Lifecycle
import Linux

import struct Units.Shared

/// What a service's core is told of it, and how that is changed.
extension Service {
  static func configuration(
    _ options: ServiceOptions, _ sockets: [any HeldSocket], _ launcher: Launcher, _ processes: ServiceProcesses?
  ) -> Lifecycle.Configuration {
    let isRelayed = options.handover == .relay
    var configuration = Lifecycle.Configuration(
      // What is relayed is steered by us, who accept it, whatever it is.
      sockets: sockets.map { isRelayed && $0.kind == .fixed ? .unixPath : $0.kind }, idleTimeout: options.idleTimeout,
      readiness: options.isToldReady || isRelayed ? .notify : .automatic, canAdopt: launcher.canAdopt,
      canMigrate: isRelayed || !options.neverMigrates && MigrationSetting.enable(), startTimeout: options.startTimeout,
      stopTimeout: options.stopTimeout)
    configuration.connections = options.watch.connections == .active ? .active : .open
    configuration.looksRegularly = options.watch.looksRegularly
    configuration.mayKill = options.mayKill
    configuration.rest = options.rest
    configuration.stopAfterFrozen = options.stopAfterFrozen
    configuration.canFreeze =
      mayFreeze(options) || options.mayKill && processes?.canFreeze(in: launcher.cgroupName) ?? false
    configuration.minimumUptime = options.minimumUptime
    configuration.restart = options.restart
    configuration.restartDelay = options.restartDelay
    configuration.restartPreventing = options.restartPreventing
    configuration.restartForcing = options.restartForcing
    configuration.abortTimeout = options.abortTimeout
    configuration.startTimeoutMode = options.startTimeoutMode
    configuration.stopTimeoutMode = options.stopTimeoutMode
    // systemd.service(5): no effect on these.
    configuration.runtimeMax = options.execution.kind == .oneshot ? nil : options.runtimeMax
    configuration.startLimit = options.startLimit
    configuration.triggerLimit = options.triggerLimit
    configuration.killMode = KillMode(options.execution.killMode)
    configuration.settleGrace = settleGrace(options, canAdopt: configuration.canAdopt)
    configuration.startsInBackground = options.execution.kind == .forking
    return configuration
  }

  /// What may still bind its sockets is given the time for it: most servers that load something first bind when they have.
  private static func settleGrace(_ options: ServiceOptions, canAdopt: Bool) -> Duration? {
    switch options.execution.kind {
    // Its end is its start.
    case .oneshot: nil
    case .simple, .exec, .notify, .forking: canAdopt ? .seconds(5) : .milliseconds(500)
    }
  }

  /// Takes up what its owner wants from now on. Sockets that stay are never closed, and a command is that of the next start.
  /// Returns false if that has to wait until the service is dormant: nothing has changed then. Throws if it can't be had.
  func replaceOptions(_ new: ServiceOptions) throws(ServiceError) -> Bool {
    let isDormant = lifecycle.state == .dormant
    guard isDormant || new.sharesSockets(with: options) else { return false }
    try new.checkSettings(against: options)
    let shared = Shared(new)
    let newLauncher = try Launcher(shared)
    if isDormant, !new.sharesSockets(with: options) {
      let holder = SocketHolder(
        options: new, relays: relays, loop: loop, warn: { [narrator] in narrator.warn($0) })
      let before = sockets
      sockets = try holder.hold(keeping: before)
      for socket in before where !sockets.contains(where: { $0 === socket }) { socket.release() }
    }
    for socket in sockets { socket.takeUp(new) { [narrator] in narrator.warn($0) } }
    sharedOptions = shared
    if let madeRuntime {
      newLauncher.onWarning = launcher.onWarning
      newLauncher.mayPreload(loop: loop, disposal: madeRuntime.disposal)
      madeRuntime.execution.replace(shared, launcher: newLauncher)
    }
    launcher = newLauncher
    var configuration = Self.configuration(new, sockets, newLauncher, new.mayKill ? processes : nil)
    guard isDormant else {
      // With those that the service never took, and that are held no longer.
      configuration.sockets = lifecycle.configuration.sockets
      changeSenses()
      post(.reconfigured(configuration))
      return true
    }
    // Nothing is under way: it begins anew with what it holds.
    try takeUpSockets(Lifecycle(configuration: configuration))
    for action in lifecycle.begin() { carryOut(action) }
    return true
  }

  /// Its owner wants it no longer: it rests as soon as nobody uses it.
  func retire() {
    var configuration = lifecycle.configuration
    configuration.idleTimeout = .milliseconds(100)
    configuration.minimumUptime = .zero
    configuration.restart = .no
    configuration.rest = .stop
    configuration.restartForcing = EndStatuses()
    post(.pinned(false))
    post(.reconfigured(configuration))
    changeSenses()
    // Whose connection is open may finish.
    if case .frozen = lifecycle.state { post(.startRequested) }
  }
}

extension ServiceOptions {
  /// What can't be changed of a socket that stays held.
  func checkSettings(against other: ServiceOptions) throws(ServiceError) {
    for address in listen {
      for before in other.listen where before.isSameAddress(as: address) {
        let keys = ["BindToDevice", "Transparent"].filter { key in
          before.settings.options.filter { $0.key == key } != address.settings.options.filter { $0.key == key }
        }
        let key = before.takesSameFamilies(as: address) ? keys.first : "BindIPv6Only"
        guard let key else { continue }
        throw ServiceError("\(key)= of \(address.text), which stays held, is changed by a restart of the manager")
      }
    }
  }

  /// Nothing of what is held, and of how it is handed over, is another.
  func sharesSockets(with other: ServiceOptions) -> Bool {
    let haveSameSockets =
      listen.count == other.listen.count
      && zip(listen, other.listen).allSatisfy { $0.kind == $1.kind && $0.name == $1.name }
    return haveSameSockets && handover == other.handover && relayTarget == other.relayTarget
      && proxyProtocol == other.proxyProtocol && socketAccess.user == other.socketAccess.user
      && socketAccess.group == other.socketAccess.group && readiness == other.readiness
      && isToldReady == other.isToldReady && mayKill == other.mayKill
  }
}

extension HeldSocket {
  /// What is asked of it from now on.
  func takeUp(_ options: ServiceOptions, warn: (String) -> Void) {
    guard options.listen.indices.contains(nameIndex) else { return }
    let address = options.listen[nameIndex]
    change(to: address, address.access ?? options.socketAccess, warn: warn)
  }
}

extension ListenAddress {
  fileprivate func isSameAddress(as other: ListenAddress) -> Bool {
    switch (kind, other.kind) {
    case (.tcp(let ours), .tcp(let theirs)), (.udp(let ours), .udp(let theirs)):
      ours.map(\.address) == theirs.map(\.address)
    case (let ours, let theirs): ours == theirs
    }
  }

  fileprivate func takesSameFamilies(as other: ListenAddress) -> Bool {
    sockets.map(\.isIPv6Only) == other.sockets.map(\.isIPv6Only)
  }
}
