import Lifecycle
import Linux

/// How a service ended, as its ExecStop= and ExecStopPost= commands are told: $SERVICE_RESULT, $EXIT_CODE and $EXIT_STATUS
/// (systemd.exec(5)).
struct ExecutionResult: Equatable {
  private(set) var service = "success"
  private var status: ExitStatus?

  /// How its main process, or a command that failed, ended.
  mutating func note(_ status: ExitStatus) {
    self.status = status
    guard service == "success" else { return }
    switch status {
    case .exited(code: 0), .unknown: break
    case .exited: service = "exit-code"
    case .signalled(_, dumpedCore: true): service = "core-dump"
    case .signalled(let signal, _):
      service = ExecutionSettings.cleanSignalNumbers.contains(signal) ? "success" : "signal"
    }
  }

  /// It could not be started.
  mutating func noteFailure() { if service == "success" { service = "resources" } }
  mutating func noteTimeout() { if service == "success" { service = "timeout" } }
  mutating func noteWatchdog() { service = "watchdog" }

  var variables: [String] {
    var variables = ["SERVICE_RESULT=\(service)"]
    switch status {
    case .exited(let code): variables += ["EXIT_CODE=exited", "EXIT_STATUS=\(code)"]
    case .signalled(let signal, let dumpedCore):
      let name = Signals.name(of: signal)
      variables += [
        "EXIT_CODE=\(dumpedCore ? "dumped" : "killed")", "EXIT_STATUS=\(name.dropFirst(name.hasPrefix("SIG") ? 3 : 0))",
      ]
    case .unknown, .none: break
    }
    return variables
  }
}

extension ExecutionSettings {
  /// systemd.service(5), SuccessExitStatus=.
  static let cleanSignalNumbers: Set<Int32> = [1, 2, 13, 15]

  /// Whether an end of the main process is none of a failure.
  func isClean(_ status: ExitStatus) -> Bool {
    switch status {
    case .exited(let code): code == 0 || successExitStatus.codes.contains(code)
    case .signalled(let signal, dumpedCore: false):
      successExitStatus.signals.contains(signal) || cleanSignals && Self.cleanSignalNumbers.contains(signal)
    case .signalled, .unknown: false
    }
  }

  /// Whose notifications count.
  var acceptedNotifications: NotifyAccess {
    if let notifyAccess, notifyAccess != .none { return notifyAccess }
    let needs = kind == .notify || watchdog != nil
    return needs ? .main : notifyAccess ?? .none
  }
}
