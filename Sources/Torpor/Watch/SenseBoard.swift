import Lifecycle

/// The senses of one service, and what each said last.
final class SenseBoard {
  struct Report: Equatable {
    var isBusy: Bool
    /// Since when it has said so.
    var since: Instant
    /// The last look that found it busy; nil: none has.
    var lastBusy: Instant?
    var evidence: [String]
  }

  /// In the table's order.
  let senses: [(name: String, sense: any Sense)]
  private(set) var reports: [String: Report] = [:]
  /// Those that saw nothing when they were asked last.
  private var blind: Set<String> = []
  /// Hears of one that sees nothing, when that begins. A clause.
  var onBlind: ((String) -> Void)?

  /// A connection was open at the last look that keeps the service up whatever they would say, as the moment of its end does. Until
  /// then they aren't asked: that costs more than all else of a look.
  private(set) var isSpared = false

  init(_ subject: SenseSubject) {
    senses = SenseTable.Name.allCases.compactMap { name in
      guard subject.options.senses.contains(name.rawValue) else { return nil }
      return SenseTable.make(name, subject).map { (name.rawValue, $0) }
    }
  }

  /// One of them had evidence of work at the last look.
  var isBusy: Bool { senses.contains { reports[$0.name]?.isBusy ?? false } }

  func begin(at now: Instant) {
    reports = [:]
    isSpared = false
    for item in senses { item.sense.begin(at: now) }
  }

  /// After each look. Returns whether what spared them is over: then it was at some moment since the last look.
  func spare(_ hasOpenConnection: Bool, at now: Instant) -> Bool {
    defer { isSpared = hasOpenConnection }
    if hasOpenConnection { for item in senses { reports[item.name] = nil } }
    guard isSpared, !hasOpenConnection else { return false }
    for item in senses { item.sense.begin(at: now) }
    return true
  }

  func prepare(_ question: inout SocketTables.Question) {
    for item in senses { item.sense.prepare(&question) }
  }

  /// Asks each of them, as each goes on from its last look. Returns whether one has evidence of work.
  func look(_ table: SocketTable, at now: Instant) -> Bool {
    for item in senses { note(item.sense.look(table, at: now), of: item.name, at: now) }
    return isBusy
  }

  /// The word of what isn't asked by a look.
  func note(_ verdict: Verdict, of name: String, at now: Instant) {
    let last = reports[name]
    reports[name] = Report(
      isBusy: verdict.isBusy, since: last.flatMap { $0.isBusy == verdict.isBusy ? $0.since : nil } ?? now,
      lastBusy: verdict.isBusy ? now : last?.lastBusy, evidence: verdict.evidence)
    guard case .blind(let text) = verdict else {
      blind.remove(name)
      return
    }
    // At each look, and in each life of the service, would be too often.
    if blind.insert(name).inserted { onBlind?(text) }
  }

  /// How long it has said the same.
  func since(_ name: String, isBusy: Bool, at now: Instant) -> Duration? {
    guard let report = reports[name], report.isBusy == isBusy else { return nil }
    return now.since(report.since)
  }

  /// What each says at this moment, for a person, with no effect on the next look.
  func explain(_ table: SocketTable, at now: Instant) -> [(name: String, verdict: Verdict)] {
    senses.map { ($0.name, $0.sense.explain(table, at: now)) }
  }
}
