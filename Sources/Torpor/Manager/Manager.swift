import Glibc
import Linux
import Units

/// Holds the sockets of all units, and starts, watches and rests their services: what `torpord` is.
public final class Manager {
  let settings: ManagerSettings
  let loop: EventLoop
  let voice: ManagerVoice
  let journal: EventJournal
  let host: UnitHost
  let reader: UnitReader
  /// By name.
  private(set) var units: [String: ManagedUnit] = [:]
  /// In the order in which they are shown.
  public private(set) var unitNames: [String] = []
  /// Files that can't be used, of units that are not held: what is wrong with them, by the unit's name.
  var invalid: [String: Units.Unit] = [:]
  private(set) lazy var verifications = Verifications { [unowned self] in units[$0] }
  private var control: ControlServer?
  let supervisor: SupervisorNotifier?
  private let signals: Signals
  private let schedule: Alarm
  private var isStopping = false
  private var willSettle = false
  private var willEnd = false
  let startedAt = WallClock.now()

  public init(_ settings: ManagerSettings) throws(ServiceError) {
    self.settings = settings
    do throws(Errno) {
      // First of all: a SIGHUP that comes while the journal and the units are read is no reason to end.
      signals = try Signals([SIGTERM, SIGINT, SIGHUP, SIGCHLD])
      try Children.adoptOrphans()
      loop = try EventLoop()
      voice = try ManagerVoice(loop: loop)
    } catch { throw ServiceError("cannot set up: \(error)") }
    supervisor = SupervisorNotifier(loop: loop)
    _ = try? FileLimit.raise()
    let voice = voice
    journal = EventJournal(settings.stateDirectory) { voice.warn($0) }
    let logs = LogDirectory(settings.logDirectory)
    let output = ServiceOutput(logs: logs)
    output.onWarning = { voice.narrator(for: $0).warn($1) }
    logs.onWarning = { voice.warn($0) }
    host = UnitHost(
      loop: loop, voice: voice, output: output, translation: UnitTranslation(isSystem: settings.isSystem))
    reader = UnitReader(settings)
    schedule = Alarm(loop: loop)
    voice.onRecord = { [weak self] record, sentence in self?.tell(record, sentence) }
    host.onHoldsChanged = { [weak self] in self?.holdsChanged($0, $1) }
    host.onGone = { [weak self] in self?.gone($0) }
    host.unit = { [weak self] name in try? self?.unit(name) }
    schedule.onDue = { [weak self] in self?.verifyWhatIsDue() }
    verifications.onResult = { [weak self] in self?.verified($0) }
    verifications.onIdle = { [weak self] in self?.planVerifications() }
  }

  /// Until a signal says stop.
  public func run() throws(ServiceError) {
    journal.begin()
    let control = try ControlServer(
      path: settings.controlPath, parentMode: settings.isSystem ? 0o755 : 0o700, manager: self, loop: loop)
    control.onWarning = { [weak self] in self?.voice.warn($0) }
    self.control = control
    defer { Helpers.waitForEnd() }
    do throws(Errno) {
      _ = try loop.add(signals.descriptor, for: .readable) { [weak self] _ in
        guard let self else { return }
        for signal in signals.take() { handle(signal) }
      }
      begin()
      try loop.run()
    } catch { throw ServiceError("cannot go on: \(error)") }
    control.stop()
    voice.finish()
  }

  private func begin() {
    let set = reader.readAll()
    for diagnostic in set.diagnostics { voice.warn(diagnostic.description) }
    for unit in set.units { _ = take(unit) }
    settle()
    for name in unitNames {
      guard let unit = units[name] else { continue }
      unit.startIfAsked()
      if unit.definition.idle.verify == .boot { verifications.ask(name) }
    }
    planVerifications()
    supervisor?.ready(summary)
    voice.say("\(summary); control at \(settings.controlPath)")
  }

  private func handle(_ signal: Int32) {
    switch signal {
    case SIGCHLD: loop.reapChildren()
    case SIGHUP: reload { _ in }
    default: stop()
    }
  }

  // MARK: units

  /// A unit as its files are now. Returns what has become of it.
  func take(_ definition: Units.Unit) -> Change {
    guard definition.isUsable else {
      for diagnostic in definition.diagnostics { voice.narrator(for: definition.name).warn(diagnostic.description) }
      guard let present = units[definition.name] else {
        invalid[definition.name] = definition
        return .invalid
      }
      present.keep(despite: definition.diagnostics)
      return .invalid
    }
    invalid[definition.name] = nil
    if let present = units[definition.name] { return present.update(definition) ? .changed : .unchanged }
    for diagnostic in definition.diagnostics { voice.narrator(for: definition.name).warn(diagnostic.description) }
    let unit = ManagedUnit(definition, host: host)
    units[definition.name] = unit
    restoreHolds(of: unit)
    unit.hold()
    return .added
  }

  enum Change { case added, changed, unchanged, invalid }

  /// After units have come or gone.
  func settle() { unitNames = Set(units.keys).union(invalid.keys).sorted() }

  private func gone(_ unit: ManagedUnit) {
    if unit.isRemoved {
      units[unit.name] = nil
      journal.append(Narrator.Record(event: JournalLine.removed, service: unit.name))
      settleLater()
    }
    if isStopping { endLater() }
  }

  /// Once for all that go in this turn of the loop, which may be thousands.
  private func settleLater() {
    guard !willSettle else { return }
    willSettle = true
    host.later { [weak self] in
      guard let self else { return }
      willSettle = false
      settle()
      guard !isStopping else { return }
      // What has gone may be what another one waits for.
      for name in unitNames { if let unit = units[name], unit.isOver, !unit.isRemoved { unit.holdAgain() } }
    }
  }

  var summary: String {
    let faulty = invalid.count + units.values.count(where: \.isOver)
    let count = Narrator.count(unitNames.count, "unit")
    return faulty == 0 ? "\(count) held" : "\(count), \(faulty) of which can't be held"
  }

  // MARK: telling

  private func tell(_ record: Narrator.Record, _ sentence: String?) {
    journal.append(record)
    control?.announce(
      ManagerEvent(
        time: record.time, event: record.event, unit: record.service == "torpord" ? nil : record.service,
        message: sentence, client: record.clientText, pid: record.pid ?? record.clientPid,
        seconds: record.seconds ?? record.awakeSeconds ?? record.milliseconds.map { $0 / 1000 }, reason: record.reason))
  }

  private func holdsChanged(_ unit: String, _ holds: [UnitHold]) { journal.setPins(holds, of: unit) }

  /// Those that an earlier manager has left. A unit whose file was wrong when we began has them when it is there.
  private func restoreHolds(of unit: ManagedUnit) {
    let holds = journal.holds(of: unit.name, at: WallClock.now())
    if !holds.isEmpty { unit.holdsToChange.restore(holds) }
  }

  // MARK: verification

  private func verified(_ result: UnitVerification) {
    var record = Narrator.Record(
      event: result.passed ? JournalLine.verified : JournalLine.verificationFailed, service: result.name)
    record.seconds = result.seconds
    record.reason = result.message
    record.lastLines = result.lastLines.isEmpty ? nil : result.lastLines
    let sentence = result.passed ? "verified: \(result.message)" : "FAILED its verification: \(result.message)"
    voice.tell(record, sentence, of: result.name, isWarning: !result.passed)
    if !result.passed, let unit = units[result.name] { unit.runOnFailure(result.message) }
    planVerifications()
  }

  private static let day = 86_400.0

  /// When a unit is to be verified next; nil: it isn't.
  private func nextVerification(_ unit: ManagedUnit) -> Double? {
    let interval: Double
    switch unit.definition.idle.verify {
    case .no, .boot: return nil
    case .daily: interval = Self.day
    case .weekly: interval = 7 * Self.day
    }
    return (journal.state.units[unit.name]?.verification?.time ?? startedAt - interval + 60) + interval
  }

  private func verifyWhatIsDue() {
    let now = WallClock.now()
    for name in unitNames {
      guard let unit = units[name], let moment = nextVerification(unit), moment <= now else { continue }
      verifications.ask(name)
    }
    planVerifications()
  }

  /// One timer for all of them, and none where no unit wants it. The clock on the wall may be set, so it is looked at once an hour.
  func planVerifications() {
    // What is under way plans the next when it ends: once, however many there are.
    guard verifications.isEmpty, let first = units.values.lazy.compactMap({ self.nextVerification($0) }).min() else {
      return schedule.set(to: nil)
    }
    let seconds = min(max(first - WallClock.now(), 1), 3600)
    schedule.set(to: MonotonicClock.now() + UInt64(seconds * 1e9))
  }

  // MARK: the end

  /// Ends every service, then the loop. A second call does so at once.
  public func stop() {
    verifications.stop()
    let isAgain = isStopping
    if !isStopping {
      voice.say("stopping")
      isStopping = true
      host.isStopping = true
      supervisor?.stopping("ending \(Narrator.count(units.values.count { $0.phase != .dormant }, "service"))")
    }
    for unit in units.values { unit.stop(isAtOnce: isAgain) }
    endLater()
  }

  /// Looked at once for all that have gone in this turn of the loop, which may be thousands.
  private func endLater() {
    guard !willEnd else { return }
    willEnd = true
    host.later { [weak self] in
      guard let self else { return }
      willEnd = false
      if units.values.allSatisfy(\.isOver) { loop.stop() }
    }
  }
}
