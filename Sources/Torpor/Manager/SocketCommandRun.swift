import Glibc
import Lifecycle
import Linux
import Units

/// Runs the commands around a unit's sockets: ExecStartPre= and its like of `[Socket]`, of each of its socket units.
///
/// Nothing is waited for: each end is an event, and TimeoutSec= bounds it. No client can come to what isn't held yet, and one that
/// comes to what isn't served yet waits in a queue.
final class SocketCommandRun {
  enum Stage: String {
    case startPre = "ExecStartPre"
    case startPost = "ExecStartPost"
    case stopPre = "ExecStopPre"
    case stopPost = "ExecStopPost"

    /// The first failure ends it. What is to end goes on to end whatever fails.
    var isStart: Bool { self == .startPre || self == .startPost }
  }

  enum Outcome: Equatable {
    case done
    /// What has failed, for people.
    case failed(String)
    case cancelled
  }

  /// What one socket unit says.
  private struct Part {
    let commands: SocketCommands
    let launcher: Launcher
    let output: LoggedOutput
  }

  private let parts: [Part]
  private let processes: ServiceProcesses
  private let alarm: Alarm
  private let narrator: Narrator
  private let invocation = Execution.randomName()
  private var sequence: CommandSequence?
  /// KillSignal= of the section that it is of.
  private var killSignal = SIGTERM
  private var nothing: OwnedFD?
  /// What the one that took too long is told to be.
  private var lateText: String?
  /// Called when its unit is held, or isn't and stays so.
  var whenSettled: [() -> Void] = []
  /// The sockets are on their way out.
  var isLeaving = false

  /// nil: the unit has no such commands.
  init?(_ unit: Unit, host: UnitHost) throws(ServiceError) {
    guard unit.sockets.contains(where: { $0.commands != nil }) else { return nil }
    var parts: [Part] = []
    for section in unit.sockets {
      guard let commands = section.commands?.value else { continue }
      let launcher = try Launcher(Shared(try host.translation.commandOptions(commands, named: section.unitName)))
      let output = LoggedOutput(
        unit.name, Shared(host.translation.output(of: commands.execution)), by: host.output,
        trimmer: host.trimmer)
      parts.append(Part(commands: commands, launcher: launcher, output: output))
    }
    self.parts = parts
    processes = ServiceProcesses(loop: host.loop)
    alarm = Alarm(loop: host.loop)
    narrator = host.voice.narrator(for: unit.name)
    for part in parts { part.launcher.onWarning = { [narrator] in narrator.warn($0) } }
  }

  /// `end` is called once, when nothing of it runs any more.
  func run(_ stage: Stage, _ end: @escaping (Outcome) -> Void) {
    run(stage, of: parts[...], end)
  }

  private func run(_ stage: Stage, of rest: ArraySlice<Part>, _ end: @escaping (Outcome) -> Void) {
    var rest = rest
    guard let part = rest.popFirst() else { return end(.done) }
    let steps = Execution.steps(stage.rawValue, part.commands[stage])
    guard !steps.isEmpty else { return run(stage, of: rest, end) }
    run(steps, of: part) { [weak self] outcome in
      guard let self else { return }
      switch outcome {
      case .cancelled where stage.isStart: return end(.cancelled)
      case .failed(let text) where stage.isStart: return end(.failed(text))
      case .failed(let text): narrator.warn(text)
      case .done, .cancelled: break
      }
      run(stage, of: rest, end)
    }
  }

  private func run(_ steps: [CommandSequence.Step], of part: Part, _ end: @escaping (Outcome) -> Void) {
    do throws(Errno) {
      try part.output.begin()
      nothing = try .null()
    } catch { return end(.failed("\(steps[0].key)= can't be run: \(error)")) }
    let mark = "INVOCATION_ID=\(invocation)"
    processes.newInstance(mark: mark)
    let made = CommandSequence(
      steps, processes: processes, killsLeftovers: true, isSuccess: { $0 == .exited(code: 0) },
      start: { [weak self] command throws(LaunchFailure) in
        guard let self, let standard = standard(of: part) else {
          throw LaunchFailure("its output has nowhere to go")
        }
        return try part.launcher.start(command, variables: [mark], standard: standard, processes: processes)
      },
      end: { [weak self] outcome in
        guard let self else { return }
        sequence = nil
        alarm.set(to: nil)
        part.output.handedOver()
        nothing = nil
        let result = result(outcome)
        processes.clear { [weak self] in
          self?.processes.dropCgroup()
          end(result)
        }
      })
    sequence = made
    killSignal = part.commands.killSignal.number
    lateText = nil
    watch(part)
    made.run()
  }

  private func standard(of part: Part) -> StandardDescriptors? {
    switch nothing {
    case .some(let nothing):
      StandardDescriptors(
        input: nothing.number, output: part.output.standardOutput, error: part.output.standardError)
    case .none: nil
    }
  }

  private func result(_ outcome: CommandSequence.Outcome) -> Outcome {
    if let lateText { return .failed(lateText) }
    switch outcome {
    case .done: return .done
    case .cancelled: return .cancelled
    case .failed(let text, _), .unwanted(let text): return .failed(text)
    }
  }

  /// TimeoutSec=: told to end, and after as long again killed.
  private func watch(_ part: Part) {
    guard let limit = part.commands.timeout else { return }
    alarm.onDue = { [weak self] in
      guard let self, let sequence else { return }
      guard lateText == nil else { return processes.killAll() }
      lateText = "\(sequence.currentName ?? "a command") still ran after \(TimeSpan.describe(limit)) and was ended"
      alarm.set(to: MonotonicClock.now() + limit.nanoseconds)
      sequence.cancel(signal: killSignal)
    }
    alarm.set(to: MonotonicClock.now() + limit.nanoseconds)
  }

  /// Ends what runs, of which `end` hears when it has.
  func cancel() { sequence?.cancel(signal: killSignal) }

  /// The same at once.
  func kill() {
    sequence?.cancel(signal: SIGKILL)
    processes.killAll()
  }
}

extension SocketCommands {
  fileprivate subscript(_ stage: SocketCommandRun.Stage) -> [CommandLine] {
    let commands =
      switch stage {
      case .startPre: startPre
      case .startPost: startPost
      case .stopPre: stopPre
      case .stopPost: stopPost
      }
    return commands.map { UnitTranslation.line($0) }
  }
}
