import Linux

import struct Units.Shared

/// What a service needs to be started, watched over and ended.
///
/// Of thousands of services most are never started, so it is made for the first start, and kept.
final class ServiceRuntime {
  let processes: ServiceProcesses
  let execution: Execution
  let watchdog: Watchdog
  let gracePeriod: GracePeriod
  let disposal: Disposal
  /// Of what comes with notifications.
  let notifyDisposal: Disposal

  init(_ options: Shared<ServiceOptions>, _ launcher: Launcher, _ loop: EventLoop) {
    processes = ServiceProcesses(loop: loop)
    execution = Execution(options, launcher: launcher, processes: processes, loop: loop)
    watchdog = Watchdog(loop: loop)
    gracePeriod = GracePeriod(loop: loop)
    disposal = Disposal(loop: loop)
    notifyDisposal = Disposal(loop: loop)
    processes.helpers = { [gracePeriod, disposal, notifyDisposal] in
      disposal.helpers.union(notifyDisposal.helpers).union(gracePeriod.helper.map { [$0] } ?? [])
    }
  }
}
