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
      looks = []
      configureSenses()
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
    configureSenses()
    // Whose connection is open may finish.
    if case .frozen = lifecycle.state { post(.startRequested) }
  }
}

extension ServiceOptions {
  /// A socket that stays held is as it was made: what else is asked of it now can't be had.
  func checkSettings(against other: ServiceOptions) throws(ServiceError) {
    for address in listen {
      for before in other.listen where before.kind == address.kind {
        if before.settings != address.settings || before.access != address.access || before.symlinks != address.symlinks
          || socketMode != other.socketMode
        {
          throw ServiceError(
            "the options of \(address.text), which stays held, are changed by a restart of the manager")
        }
      }
    }
  }

  /// Nothing of what is held, and of how it is handed over, is another.
  func sharesSockets(with other: ServiceOptions) -> Bool {
    listen == other.listen && handover == other.handover && relayTarget == other.relayTarget
      && proxyProtocol == other.proxyProtocol && socketMode == other.socketMode && socketAccess == other.socketAccess
      && readiness == other.readiness && isToldReady == other.isToldReady && mayKill == other.mayKill
  }
}
