import Lifecycle
import Linux

/// One verification of a unit: start it with nobody waiting, check it, and put it to rest again.
final class VerificationAttempt {
  private unowned let unit: ManagedUnit
  private let host: UnitHost
  private let alarm: Alarm
  private static let patience = Duration.seconds(1)
  private static let checkLimit = Duration.seconds(90)
  private let beganAt = MonotonicClock.now()
  private var completion: ((UnitVerification) -> Void)?
  private var check: BusyCheck?
  private var readyText = "it serves"
  /// What was found; told when nothing of the service is left, or somebody uses it.
  private var result: UnitVerification?

  init(_ unit: ManagedUnit, host: UnitHost) {
    self.unit = unit
    self.host = host
    alarm = Alarm(loop: host.loop)
  }

  func begin(_ completion: @escaping (UnitVerification) -> Void) {
    self.completion = completion
    guard !unit.isInTransition else { return end(false, "its sockets are being closed") }
    guard let single = unit.single else {
      return end(unit.problem == nil, unit.problem ?? "it is held; each connection is served by a process of its own")
    }
    switch unit.phase {
    case .dormant, .failed: single.post(.verifyRequested)
    case .running:
      readyText = "it is in use and serves"
      beginCheck()
    case .starting, .draining, .freezing, .frozen, .stopping, .invalid:
      end(true, "it is in use")
    }
  }

  /// What the service's core reports meanwhile.
  func hear(_ report: Report) {
    guard completion != nil else { return }
    switch report {
    case .readyToVerify(let after):
      readyText = "ready after \(TimeSpan.describe(after))"
      host.later { [weak self] in self?.beginCheck() }
    case .serving(let after) where check == nil && result == nil:
      // A client has come, and was served.
      readyText = "ready after \(TimeSpan.describe(after))"
      host.later { [weak self] in self?.beginCheck() }
    case .failed:
      check?.abandon()
      check = nil
      end(false, unit.single?.context.reason ?? "it could not be started")
    case .leftByItself, .stopped:
      // Those that wait for their turn wait for the end of this one, whatever it is.
      check?.abandon()
      check = nil
      if let result { tell(result) } else { end(false, "it ended before it was checked") }
    case .rested, .restAborted, .restImpossible:
      if let result { tell(result) }
    case .frozen:
      // Nobody is connected who could need what is in its memory.
      if result != nil { host.later { [weak self] in self?.unit.single?.post(.restRequested) } }
    default: break
    }
  }

  private func beginCheck() {
    guard completion != nil, check == nil, result == nil else { return }
    guard let command = unit.definition.idle.verifyCheck else { return found(true, readyText) }
    guard let single = unit.single else { return }
    let words = UnitTranslation.line(command).arguments(
      environment: UnitTranslation.variables(single.options.execution.environment))
    let check = BusyCheck(
      [command.path] + words.dropFirst(), limit: single.options.startTimeout ?? Self.checkLimit,
      account: Account.effectiveUser == 0 ? single.options.account : nil, processes: single.processes, loop: host.loop)
    self.check = check
    check.run { [weak self] outcome in
      guard let self else { return }
      self.check = nil
      switch outcome {
      case .idle: found(true, "\(readyText), and its check found nothing wrong")
      case .busy(let line): found(false, "its check failed" + (line.map { ": \($0)" } ?? ""))
      case .failed(let reason): found(false, "its check \(reason)")
      }
    }
  }

  private func found(_ passed: Bool, _ message: String) {
    result = verification(passed, message)
    guard let single = unit.single, single.isVerifying else { return end(passed, message) }
    single.post(.verificationEnded)
    if unit.phase == .dormant, let result { return tell(result) }
    // Whether it rests is told by a report. One that is held, or says that it is busy, goes on without one.
    alarm.onDue = { [weak self] in self?.goOnIfUsed() }
    alarm.set(to: MonotonicClock.now() + Self.patience.nanoseconds)
  }

  private func goOnIfUsed() {
    if unit.phase == .running, let result { return tell(result) }
    // It is on its way, which the core's own limits bound.
    alarm.set(to: MonotonicClock.now() + Self.patience.nanoseconds)
  }

  private func end(_ passed: Bool, _ message: String) { tell(verification(passed, message)) }

  private func verification(_ passed: Bool, _ message: String) -> UnitVerification {
    UnitVerification(
      name: unit.name, time: WallClock.now(), passed: passed,
      seconds: Double(MonotonicClock.now() - beganAt) / 1e9, message: message,
      lastLines: passed ? [] : unit.lastLines)
  }

  private func tell(_ verification: UnitVerification) {
    guard let completion else { return }
    self.completion = nil
    alarm.set(to: nil)
    host.later { completion(verification) }
  }
}
