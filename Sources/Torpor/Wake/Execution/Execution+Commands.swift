import Glibc
import Lifecycle
import Linux

/// The commands beside the main process, and the time that they have.
extension Execution {
  static func steps(
    _ key: String, _ commands: some Sequence<CommandLine>, areConditions: Bool = false
  ) -> [CommandSequence.Step] {
    commands.map { CommandSequence.Step(key: key, command: $0, isCondition: areConditions) }
  }

  /// What the main process is told besides its sockets. `torpor run` adds nothing to what a command finds.
  var mainProcessVariables: [String] {
    settings.baseEnvironment == .minimal ? ["INVOCATION_ID=\(invocation)"] : []
  }

  /// What the commands that a running service is the subject of are told.
  var mainVariables: [String] {
    if settings.ignoresMainProcess { return [] }
    return processes.mainPID.map { ["MAINPID=\($0)"] } ?? []
  }

  /// `limit`: what still runs then is killed, and has failed.
  func run(
    _ steps: [CommandSequence.Step], within limit: Duration?, killsLeftovers: Bool = false, variables: [String],
    _ end: @escaping (CommandSequence.Outcome) -> Void
  ) {
    sequence?.abandon(signal: SIGTERM)
    let made = CommandSequence(
      steps, processes: processes, killsLeftovers: killsLeftovers, isSuccess: { $0 == .exited(code: 0) },
      start: { [weak self] command throws(LaunchFailure) in
        guard let self, let standard = standard?() else { throw LaunchFailure("its output has nowhere to go") }
        var own = variables + ["INVOCATION_ID=\(invocation)"]
        if settings.acceptedNotifications == .exec || settings.acceptedNotifications == .all,
          let socket = notifySocket?()
        {
          own.append("NOTIFY_SOCKET=\(socket)")
        }
        return try launcher.start(command, variables: own, standard: standard, processes: processes)
      },
      end: { [weak self] outcome in
        self?.set(alarmIn: nil)
        self?.sequence = nil
        end(outcome)
      })
    sequence = made
    set(alarmIn: limit) { [weak self] in self?.sequenceIsLate(limit ?? .zero) }
    made.run()
  }

  private func sequenceIsLate(_ limit: Duration) {
    guard let sequence else { return }
    let name = sequence.currentName ?? "a command"
    switch phase {
    case .preparing:
      onFailure("\(name) still ran after \(TimeSpan.describe(limit)) and was killed")
      sequence.cancel(signal: SIGKILL)
    case .main where onReloaded != nil:
      // It goes on as it was, as with systemd.
      finishReload("\(name) still ran after \(TimeSpan.describe(limit)) and was killed")
      sequence.cancel(signal: SIGKILL)
    case .main:
      sequence.abandon(signal: SIGKILL)
      self.sequence = nil
      fail("\(name) still ran after \(TimeSpan.describe(limit)) and was killed", .signalled(SIGKILL, dumpedCore: false))
    case .stopping:
      // The main process has left by itself: the core knows of no stop that could take too long.
      onWarning("\(name) still ran after \(TimeSpan.describe(limit)) and was killed")
      sequence.cancel(signal: SIGKILL)
    case .cleaning:
      onWarning("\(name) still ran after \(TimeSpan.describe(limit)) and was killed")
      sequence.cancel(signal: SIGKILL)
    case .idle, .ending: break
    }
  }

  /// One moment at most is awaited at a time; a service that sleeps has no timer.
  func set(alarmIn limit: Duration?, _ onDue: @escaping () -> Void = {}) {
    guard let limit else {
      alarm = nil
      return
    }
    if alarm == nil { alarm = Alarm(loop: loop) }
    alarm?.onDue = onDue
    alarm?.set(to: MonotonicClock.now() + limit.nanoseconds)
  }

  static func randomName() -> String {
    (0..<2).map { _ in
      let digits = String(UInt64.random(in: .min ... .max), radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }
}
