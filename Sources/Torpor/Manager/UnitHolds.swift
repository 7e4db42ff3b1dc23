import Linux

/// Who wants a unit to stay up, and until when.
final class UnitHolds {
  private(set) var all: [UnitHold] = []
  private var lastID = 0
  private let alarm: Alarm
  var onChange: (() -> Void)?
  /// For each unit: more than anybody can mean.
  static let holdsMax = 64

  init(loop: EventLoop) {
    alarm = Alarm(loop: loop)
    alarm.onDue = { [weak self] in self?.expire() }
  }

  var isEmpty: Bool { all.isEmpty }

  func add(seconds: Double?, reason: String?, holder: String) throws(ControlFailure) -> UnitHold {
    guard all.count < Self.holdsMax else { throw .notNow("it has \(Self.holdsMax) holds already") }
    let now = WallClock.now()
    lastID += 1
    let hold = UnitHold(id: lastID, since: now, until: seconds.map { now + $0 }, holder: holder, reason: reason)
    all.append(hold)
    changed()
    return hold
  }

  /// Those that an earlier manager left, under their own numbers.
  func restore(_ holds: [UnitHold]) {
    guard !holds.isEmpty else { return }
    lastID = max(lastID, holds.map(\.id).max() ?? 0)
    all = holds + all
    changed()
  }

  /// nil: all of them.
  func release(_ id: Int?) -> Int {
    let before = all.count
    all.removeAll { id == nil || $0.id == id }
    if all.count != before { changed() }
    return before - all.count
  }

  private func expire() {
    let now = WallClock.now()
    let before = all.count
    all.removeAll { $0.until.map { $0 <= now } ?? false }
    if all.count != before { changed() } else { setAlarm() }
  }

  private func changed() {
    setAlarm()
    onChange?()
  }

  /// The clock on the wall may be set: looked at again once an hour at the latest, while something has an end.
  private func setAlarm() {
    guard let first = all.compactMap(\.until).min() else { return alarm.set(to: nil) }
    let seconds = min(max(first - WallClock.now(), 0.001), 3600)
    alarm.set(to: MonotonicClock.now() + UInt64(seconds * 1e9))
  }
}

/// Seconds since 1970, UTC.
enum WallClock {
  static func now() -> Double { Double(RealtimeClock.now()) / 1e9 }
}
