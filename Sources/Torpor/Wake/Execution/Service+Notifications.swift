import Lifecycle
import Linux

/// What the service says by sd_notify(3).
extension Service {
  /// Whose word counts.
  private var notifyAccess: ExecutionSettings.NotifyAccess {
    let accepted = options.execution.acceptedNotifications
    // `torpor run --ready notify`: any of its processes may say so.
    return options.execution.notifyAccess == nil && options.execution.kind == .simple && options.listensForReadiness
      ? .all : accepted
  }

  var notifications: Notifications? {
    notifyReceiver.map {
      Notifications(
        socket: $0.name, defersSockets: options.listensForReadiness, watchdog: options.execution.watchdog)
    }
  }

  func listenForNotifications() throws(Errno) {
    notifyReceiver?.close()
    notifyReceiver = nil
    let access = notifyAccess
    guard access != .none else { return }
    // With a unit's own say: whoever floods it, adoption is to have closers that are free.
    let takesDescriptors = options.execution.baseEnvironment == .minimal || options.execution.notifyAccess != nil
    let receiver = try NotifyReceiver(
      loop: loop, disposal: takesDescriptors ? notifyDisposal : disposal, takesDescriptors: takesDescriptors)
    receiver.isOurs = { [weak self] in self?.processes.contains($0) ?? false }
    receiver.isAccepted = { [weak self] pid in
      guard let processes = self?.processes else { return false }
      return switch access {
      case .none: false
      case .main: processes.isMain(pid)
      case .exec: processes.isMain(pid) || processes.isControl(pid)
      case .all: processes.contains(pid)
      }
    }
    receiver.onMessage = { [weak self] in self?.take($0) }
    receiver.onWarning = { [weak self] in self?.narrator.warn($0) }
    notifyReceiver = receiver
  }

  private func take(_ message: NotifyMessage) {
    if let status = message.status { statusText = status.isEmpty ? nil : status }
    if let pid = message.mainPID, pid != processes.mainPID, let receiver = notifyReceiver, receiver.looksAtMainPIDs {
      if processes.follow(pid) {
        context.pid = pid
      } else {
        if receiver.refusedMainPIDs == 0 {
          narrator.warn("MAINPID=\(pid) is ignored: it is none of the service's processes")
        }
        receiver.refusedMainPIDs += 1
      }
    }
    if let timeout = message.watchdogTimeout { watchdog.begin(timeout) }
    if message.isReady, options.listensForReadiness {
      processes.becameReady()
      if options.execution.kind == .notify { watchdog.begin(message.watchdogTimeout ?? options.execution.watchdog) }
      execution.becameReady()
    }
    switch message.watchdog {
    case .alive: watchdog.sign()
    case .expired: watchdog.expire()
    case .none: break
    }
    if message.isStopping { post(.notifiedStopping) }
    if let isBusy = message.isBusy {
      let text = "it said \(isBusy ? "X-BUSY=1" : "X-IDLE=1")"
      senses?.note(isBusy ? .busy([text]) : .quiet([text]), of: SenseTable.notify, at: now)
      post(.busySaid(isBusy))
    }
    if let time = message.extendedTimeout { post(.timeoutExtended(time)) }
  }
}
