import Linux
import Units

/// How a unit is, for those who ask.
extension ManagedUnit {
  func status(_ state: JournalState) -> UnitStatus {
    let history = state.units[name]
    let now = WallClock.now()
    var status = UnitStatus(name: name, state: phase, since: history?.since ?? host.startedAt)
    status.sockets = single?.context.listening ?? definition.sockets.flatMap(\.listen).map(\.description)
    status.connections = single?.connectionCount ?? connectionService?.connectionCount ?? 0
    status.idleInSeconds = single?.restInSeconds
    status.wakesToday = state.wakesToday(name, at: now)
    status.memoryBytes = single?.memoryBytes.map { Int(clamping: $0) }
    status.pid = single?.mainPID
    status.lastFailure = history?.failure.map(Self.failure)
    status.retryInSeconds = single?.retryInSeconds
    status.verification = history?.verification.map { verification($0) }
    status.holds = holds
    status.file = definition.files.first ?? ""
    status.warnings = remarks + (problem.map { [$0] } ?? [])
    if let problem {
      status.state = .invalid
      status.lastFailure = UnitFailure(time: history?.since ?? now, reason: problem)
    }
    return status
  }

  static func failure(_ failure: UnitHistory.Failure) -> UnitFailure {
    UnitFailure(time: failure.time, reason: failure.reason ?? "it failed", lastLine: failure.lastLine)
  }

  private func verification(_ past: UnitHistory.Verification) -> UnitVerification {
    UnitVerification(
      name: name, time: past.time, passed: past.hasSucceeded, seconds: past.seconds ?? 0, message: past.reason ?? "",
      lastLines: past.lastLines ?? [])
  }

  func settings(_ logDirectory: String) -> UnitSettings {
    let command = definition.service.execStart.last.map { UnitTranslation.line($0) }
    var settings = UnitSettings(command: command.map { [$0.path] + $0.words } ?? [])
    settings.description = definition.unit.description.isEmpty ? nil : definition.unit.description
    settings.dropIns = Array(definition.files.dropFirst().filter { $0.hasSuffix(".conf") })
    settings.idleTimeoutSeconds = definition.idle.timeout.map(TimeSpan.seconds)
    settings.handover = definition.handover.rawValue
    settings.rest = definition.idle.rest.rawValue
    settings.user = definition.service.execution.user
    settings.logFile = logFile(logDirectory)
    return settings
  }

  /// nil: what it writes goes to no file, but to the journal or nowhere.
  private func logFile(_ logDirectory: String) -> String? {
    let output = host.translation.output(of: definition)
    for stream in [output.output, output.error] {
      switch stream {
      case .log: return "\(logDirectory)/\(name).log"
      case .file(let path), .append(let path), .truncate(let path): return path
      case .inherit, .null, .journal, .socket: break
      }
    }
    return nil
  }

  func explanation(_ state: JournalState) -> UnitExplanation {
    let history = state.units[name]
    var explanation = UnitExplanation(name: name, state: phase, since: history?.since ?? host.startedAt)
    explanation.holds = holds
    explanation.restedBecause = history?.rest?.reason ?? (history?.wake == nil ? "never started" : nil)
    explanation.restedAt = history?.rest?.time
    explanation.wokenBy = history?.wake?.client
    explanation.wokenAt = history?.wake?.time
    explanation.lastFailure = history?.failure.map(Self.failure)
    explanation.retryInSeconds = single?.retryInSeconds
    if phase == .dormant || phase == .frozen {
      explanation.wakesOn = (single?.context.listening ?? []).map { "a client of \($0)" }
      if phase == .frozen { explanation.wakesOn.append("whatever comes by a connection of its own") }
    }
    if let single, let rest = single.restInSeconds { explanation.earliestRest = WallClock.now() + rest }
    if let seen = single?.explain() {
      let now = WallClock.now()
      explanation.senses = seen.answers.map { answer in
        SenseReport(
          name: answer.name, verdict: answer.isBusy ? .busy : .quiet,
          since: answer.since.map { now - TimeSpan.seconds($0) }, evidence: answer.evidence)
      }
      explanation.advice += seen.advice
      // Whoever is busy now keeps it up for a whole idle time at least. One that is held, or says that it is busy, has no such time.
      if let rest = explanation.earliestRest, seen.answers.contains(where: \.isBusy) {
        explanation.earliestRest = definition.idle.timeout.map { max(rest, now + TimeSpan.seconds($0)) }
      }
    }
    if let problem { explanation.advice.append(problem) }
    explanation.advice += definition.diagnostics.filter { $0.isHardening && !$0.isError }.map(\.description)
    return explanation
  }
}
