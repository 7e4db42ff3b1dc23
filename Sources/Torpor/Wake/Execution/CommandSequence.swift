import Glibc
import Lifecycle
import Linux

/// Commands that are run one after another, each as a process of the service: ExecStartPre= and its like.
///
/// Nothing is waited for: each end is an event, and a time limit is the caller's to keep.
final class CommandSequence {
  enum Outcome: Equatable {
    case done
    /// ExecCondition= said that the service need not be started.
    case unwanted(String)
    case failed(String, ExitStatus)
    case cancelled
  }

  struct Step {
    /// "ExecStartPre", for messages.
    let key: String
    let command: CommandLine
    /// Statuses from 1 to 254 are an answer.
    var isCondition = false
  }

  private var steps: ArraySlice<Step>
  private let processes: ServiceProcesses
  private let start: (CommandLine) throws(LaunchFailure) -> Spawn.Process
  private let isSuccess: (ExitStatus) -> Bool
  /// What each leaves behind is killed before the next begins (systemd.service(5), ExecStartPre=).
  private let killsLeftovers: Bool
  private let end: (Outcome) -> Void
  /// The one that runs.
  private var current: (step: Step, pid: Int32)?
  private var isOver = false
  /// It is told when the one that runs has ended.
  private var isCancelled = false

  init(
    _ steps: [Step], processes: ServiceProcesses, killsLeftovers: Bool, isSuccess: @escaping (ExitStatus) -> Bool,
    start: @escaping (CommandLine) throws(LaunchFailure) -> Spawn.Process, end: @escaping (Outcome) -> Void
  ) {
    self.steps = steps[...]
    self.processes = processes
    self.killsLeftovers = killsLeftovers
    self.isSuccess = isSuccess
    self.start = start
    self.end = end
  }

  /// "ExecStartPre=/usr/bin/check", of the one that runs.
  var currentName: String? { current.map { Self.name($0.step) } }

  func run() { next() }

  private func next() {
    guard !isOver else { return }
    if isCancelled { return finish(.cancelled) }
    guard let step = steps.popFirst() else { return finish(.done) }
    do throws(LaunchFailure) {
      let process = try start(step.command)
      current = (step, process.handle.pid)
      processes.addControl(process.takeHandle()) { [weak self] in self?.ended($0, step) }
    } catch {
      if step.command.ignoresFailure { return next() }
      finish(.failed("\(step.key)=: \(error)", .exited(code: 1)))
    }
  }

  private func ended(_ status: ExitStatus, _ step: Step) {
    current = nil
    guard !isOver else { return }
    if isCancelled { return finish(.cancelled) }
    if let outcome = outcome(of: step, status) { return finish(outcome) }
    guard killsLeftovers else { return next() }
    processes.clear { [weak self] in self?.next() }
  }

  /// nil: go on.
  private func outcome(of step: Step, _ status: ExitStatus) -> Outcome? {
    if isSuccess(status) || step.command.ignoresFailure { return nil }
    let text = "\(Self.name(step)) \(Narrator.describe(status))"
    if step.isCondition, case .exited(let code) = status, code < 255 { return .unwanted(text) }
    return .failed(text, status)
  }

  private func finish(_ outcome: Outcome) {
    guard !isOver else { return }
    isOver = true
    steps = []
    end(outcome)
  }

  /// Nothing more is started, and what runs gets `signal`. `end` is called when it has ended.
  func cancel(signal: Int32) {
    steps = []
    guard let current else { return finish(.cancelled) }
    isCancelled = true
    processes.signalControl(current.pid, signal)
  }

  /// Nothing more is started, nobody is told.
  func abandon(signal: Int32?) {
    isOver = true
    steps = []
    if let signal, let current { processes.signalControl(current.pid, signal) }
  }

  private static func name(_ step: Step) -> String { "\(step.key)=\(step.command.description)" }
}
