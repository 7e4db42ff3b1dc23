import FoundationEssentials
import Linux

/// The events of a unit, read from the journal's end.
public enum EventHistory {
  /// No more of the files is read, however seldom the unit is in them.
  static let readBytesMax = 16 << 20

  /// For people, the oldest first: "2 min ago   woken by 127.0.0.1:5000 (curl[123]); serving after 8.1 ms".
  /// `directory` is the manager's state directory. Throws where its journal can't be read.
  public static func sentences(in directory: String, unit: String, limit: Int) throws(Errno) -> [String] {
    let now = Double(RealtimeClock.now()) / 1e9
    return try records(in: directory, unit: unit, limit: limit).compactMap { HistoryText.line($0, now: now) }
  }

  /// For programs, the oldest first: the lines as they are.
  public static func lines(in directory: String, unit: String, limit: Int) throws(Errno) -> [String] {
    try read(in: directory, unit: unit, limit: limit) { line, _ in String(decoding: line, as: UTF8.self) }
  }

  static func records(in directory: String, unit: String, limit: Int) throws(Errno) -> [Narrator.Record] {
    // Some say nothing to people.
    try read(in: directory, unit: unit, limit: limit) { _, record in
      HistoryText.sentence(record) == nil ? nil : record
    }
  }

  private static func read<Result>(
    in directory: String, unit: String, limit: Int, _ make: (ArraySlice<UInt8>, Narrator.Record) -> Result?
  ) throws(Errno) -> [Result] {
    var found: [Result] = []
    var left = readBytesMax
    // As the encoder writes it, so that lines of other units need not be decoded.
    let name = Array(unit.utf8)
    for file in [EventJournal.name, EventJournal.oldName] where found.count < limit && left > 0 {
      do throws(Errno) {
        let file = try OwnedFD.reading("\(directory)/\(file)")
        try LineReader.backward(file) { line in
          left -= line.count + 1
          if contains(line, name), let record = try? JSONDecoder().decode(Narrator.Record.self, from: Data(line)),
            record.service == unit, record.event != JournalLine.unitState, let result = make(line, record)
          {
            found.append(result)
          }
          return found.count < limit && left > 0
        }
      } catch {
        // There need not be an old one, nor, before the first event, a new one.
        if error != .noEntry { throw error }
      }
    }
    return found.reversed()
  }

  private static func contains(_ line: ArraySlice<UInt8>, _ text: [UInt8]) -> Bool {
    // A name with a quotation mark or a backslash isn't written as it is.
    if text.contains(where: { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) { return true }
    guard let first = text.first else { return false }
    var start = line.startIndex
    while let index = line[start...].firstIndex(of: first) {
      if line[index...].starts(with: text) { return true }
      start = index + 1
    }
    return false
  }
}
