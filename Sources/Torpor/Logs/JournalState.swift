import FoundationEssentials

/// What the journal's events amount to: a pure function of its lines.
public struct JournalState: Equatable, Sendable {
  public internal(set) var units: [String: UnitHistory] = [:]
  /// Lines that were none of ours.
  public internal(set) var garbageLines = 0
  /// The boot that the last manager ran in.
  var boot: String?
  /// Whether everything that was known when this file began is in it.
  var isComplete = false
  private var announcedUnits: Int?
  private var stateLines = 0

  public static func == (one: JournalState, other: JournalState) -> Bool {
    one.units == other.units && one.boot == other.boot && one.garbageLines == other.garbageLines
  }

  /// Pins that still hold, the oldest first.
  public func pins(at now: Double) -> [String: [UnitHistory.Pin]] {
    units.mapValues { unit in unit.pins.filter { $0.isValid(at: now) } }.filter { !$0.value.isEmpty }
  }

  /// Since midnight, on the clock on the wall.
  public func wakesToday(_ unit: String, at now: Double) -> Int { wakesToday(unit, at: now, .system) }

  func wakesToday(_ unit: String, at now: Double, _ clock: LocalTime) -> Int {
    units[unit]?.wakes.today(at: clock.hour(of: now)) ?? 0
  }

  // MARK: folding

  /// Folds one complete line, without its line end. Returns whether it was one.
  @discardableResult
  mutating func fold(_ line: some Collection<UInt8>, clock: LocalTime) -> Bool {
    let data = Data(line)
    let decoder = JSONDecoder()
    if line.starts(with: JournalLine.unitStatePrefix) {
      stateLines += 1
      guard let state = try? decoder.decode(JournalLine.State.self, from: data) else { return countGarbage() }
      units[state.service] = state.state
    } else {
      guard let record = try? decoder.decode(Narrator.Record.self, from: data) else { return countGarbage() }
      switch record.event {
      case JournalLine.snapshot:
        announcedUnits = record.connections
        boot = record.boot
      // Written by somebody else, with other spaces.
      case JournalLine.unitState: return countGarbage()
      default: fold(record, clock: clock)
      }
    }
    if announcedUnits == stateLines { isComplete = true }
    return true
  }

  private mutating func countGarbage() -> Bool {
    garbageLines += 1
    return false
  }

  mutating func fold(_ record: Narrator.Record, clock: LocalTime) {
    switch record.event {
    case JournalLine.managerStarted:
      // What ran in another boot doesn't any more.
      if record.boot != boot { for unit in units.keys { units[unit]?.phase = nil } }
      boot = record.boot
    case JournalLine.removed: units[record.service] = nil
    default: units[record.service, default: UnitHistory()].fold(record, clock: clock)
    }
  }
}

extension UnitHistory {
  /// Events that say nothing of what is remembered, such as warnings, change nothing.
  mutating func fold(_ record: Narrator.Record, clock: LocalTime) {
    let time = record.time
    switch record.event {
    case "dormant": enter(.dormant, at: time)
    case "waking": enter(.starting, at: time)
    case "serving", "connected":
      if record.event == "serving" { enter(.running, at: time) }
      wake = Wake(time: time, client: record.clientText, milliseconds: record.milliseconds)
      wakes.add(at: clock.hour(of: time))
    case "ready-to-verify": enter(.running, at: time)
    case "resting":
      enter(.resting, at: time)
      restReason = record.reason ?? record.idleSeconds.map { "idle for \(HistoryText.span($0))" }
    case "rest-aborted", "rest-impossible", "thawed":
      enter(.running, at: time)
      restReason = nil
    case "rested", "left":
      enter(.dormant, at: time)
      let reason = record.event == "left" ? "ended by itself" : record.reason ?? restReason
      rest = Rest(time: time, awakeSeconds: record.awakeSeconds, reason: reason)
      restReason = nil
    case "frozen": enter(.frozen, at: time)
    case "failed":
      enter(.failed, at: time)
      failure = Failure(
        time: time, reason: record.reason, exitStatus: record.exitStatus, signal: record.signal,
        lastLine: record.lastLine)
    case "stopping": enter(.stopping, at: time)
    case "stopped": enter(.stopped, at: time)
    case JournalLine.pinned:
      let pin = Pin(
        id: record.pin, holder: record.holder, since: time, expires: record.expires, reason: record.reason)
      // Those that are over are forgotten when there is occasion.
      pins.removeAll { $0.id == pin.id || !$0.isValid(at: time) }
      pins.append(pin)
      pins.removeFirst(max(0, pins.count - Self.pinsMax))
    case JournalLine.released: pins.removeAll { record.pin == nil || $0.id == record.pin }
    case JournalLine.verified, JournalLine.verificationFailed:
      verification = Verification(
        time: time, hasSucceeded: record.event == JournalLine.verified, seconds: record.seconds, reason: record.reason,
        lastLines: record.lastLines)
    default: break
    }
  }
}

extension Narrator.Record {
  /// Who came: an address, a process, or both.
  var clientText: String? {
    let process = process.map { name in clientPid.map { "\(name)[\($0)]" } ?? name }
    if let client { return client + (process.map { " (\($0))" } ?? "") }
    return process
  }
}
