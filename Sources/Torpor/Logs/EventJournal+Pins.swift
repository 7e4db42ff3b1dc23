/// Holds that outlive whoever asked for them are pins: a manager that comes after this one goes on with them.
extension EventJournal {
  /// An event for each that has come or gone. One without an end goes with its connection, so there is nobody to hold it after us.
  func setPins(_ holds: [UnitHold], of unit: String) {
    let lasting = holds.filter { $0.until != nil }
    let known = state.units[unit]?.pins ?? []
    for pin in known where !lasting.contains(where: { $0.id == pin.id }) {
      var record = Narrator.Record(event: JournalLine.released, service: unit)
      record.pin = pin.id
      record.holder = pin.holder
      append(record)
    }
    for hold in lasting where !known.contains(where: { $0.id == hold.id }) {
      var record = Narrator.Record(event: JournalLine.pinned, service: unit)
      record.pin = hold.id
      record.holder = hold.holder
      record.expires = hold.until
      record.reason = hold.reason
      append(record)
    }
  }

  /// Those that an earlier manager left and that aren't over, the oldest first.
  func holds(of unit: String, at now: Double) -> [UnitHold] {
    (state.units[unit]?.pins ?? []).compactMap { pin in
      guard let id = pin.id, let expires = pin.expires, pin.isValid(at: now) else { return nil }
      return UnitHold(id: id, since: pin.since, until: expires, holder: pin.holder ?? "", reason: pin.reason)
    }
  }
}
