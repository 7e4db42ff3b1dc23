import FoundationEssentials

/// A line of the journal: a record of an event, or of what was known when the file began.
enum JournalLine {
  // Events that nobody but the manager has; the others are those of `Narrator.Record`.
  static let managerStarted = "manager-started"
  static let removed = "removed"
  static let pinned = "pinned"
  static let released = "released"
  static let verified = "verified"
  static let verificationFailed = "verification-failed"
  /// First in a file that continues another one: so many `unitState` lines follow (`connections`).
  static let snapshot = "snapshot"
  static let unitState = "unit-state"

  /// One write(2) of so much isn't mixed with anybody else's, and a page holds it.
  static let bytesMax = 4096
  private static let textBytesMax = 400
  /// These are written many at once, to a file that nobody else has yet.
  static let stateBytesMax = LineReader.blockBytes / 2

  struct State: Decodable {
    var service: String
    var time: Double
    var state: UnitHistory
  }

  /// The line, with its end, and what is left of the record in it: texts are cut so that it fits.
  static func encode(_ record: Narrator.Record) -> (bytes: [UInt8], record: Narrator.Record) {
    var record = record
    record.bound(text: textBytesMax, list: 8)
    var line = record.line ?? []
    if line.count > bytesMax {
      record.bound(text: textBytesMax / 6, list: 2)
      line = record.line ?? []
    }
    return (line, record)
  }

  /// What every line of a unit's state begins with.
  static let unitStatePrefix = Array("{\"event\":\"\(unitState)\",".utf8)

  /// Each of its texts was bounded when it came, but their sum was not.
  static func encode(_ unit: String, _ history: UnitHistory, at time: Double) -> [UInt8] {
    let line = write(unit, history, at: time)
    if line.count <= stateBytesMax { return line }
    var history = history
    history.verification?.lastLines = nil
    history.failure?.lastLine = nil
    history.wake?.client = nil
    // 64 pins with long reasons and holders are the rest.
    for index in history.pins.indices {
      history.pins[index].reason = nil
      history.pins[index].holder = history.pins[index].holder.map { LogText.clean($0, limit: 20) }
    }
    return write(unit, history, at: time)
  }

  /// By hand: for 10,000 units at once JSONEncoder takes 20 times as long, which the loop hasn't got.
  private static func write(_ unit: String, _ history: UnitHistory, at time: Double) -> [UInt8] {
    var object = JSONObject()
    object.add("event", unitState)
    object.add("service", unit)
    object.add("state") { history.write(to: &$0) }
    object.add("time", time)
    return object.line
  }
}

extension Narrator.Record {
  /// Control characters have no business in a text that is shown, and each would take six bytes.
  fileprivate mutating func bound(text limit: Int, list: Int) {
    func cut(_ text: String?) -> String? { text.map { LogText.clean($0, limit: limit) } }
    func cut(_ texts: [String]?) -> [String]? { texts.map { $0.suffix(list).compactMap { cut($0) } } }
    service = LogText.clean(service, limit: 256)
    client = cut(client)
    process = cut(process)
    reason = cut(reason)
    lastLine = cut(lastLine)
    lastLines = cut(lastLines)
    socket = cut(socket)
    message = cut(message)
    signal = cut(signal)
    boot = cut(boot)
    holder = cut(holder)
    listening = cut(listening)
    unsteered = cut(unsteered)
    sockets = cut(sockets)
  }
}
