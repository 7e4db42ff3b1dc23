import Foundation
import Glibc

@testable import Torpor

/// A directory for a journal, and what was warned of.
final class JournalScene {
  let directory: TestDirectory
  var warnings: [String] = []

  init() throws {
    directory = try TestDirectory()
    chmod(directory.path, 0o750)
  }

  func journal(sizeMax: Int = EventJournal.sizeMaxDefault) -> EventJournal {
    EventJournal(directory.path, sizeMax: sizeMax, clock: .utc) { [unowned self] in warnings.append($0) }
  }

  func lines(_ name: String = "journal.jsonl") -> [Substring] {
    (directory.text(name) ?? "").split(separator: "\n")
  }
}

extension Narrator.Record {
  /// One event of a unit.
  static func made(
    _ event: String, _ unit: String = "redis", at time: Double = 1_763_845_000.25,
    _ fill: (inout Narrator.Record) -> Void = { _ in }
  ) -> Narrator.Record {
    var record = Narrator.Record(event: event, service: unit)
    record.time = time
    fill(&record)
    return record
  }

  /// A day in the life of a few units, with everything that is remembered.
  static func story(_ units: [String] = ["redis", "mariadb", "ünïcode\"quoted\\"]) -> [Narrator.Record] {
    var records = [made("manager-started", "torpord", at: 1_763_800_000) { $0.boot = "b-1" }]
    for (index, unit) in units.enumerated() {
      let start = 1_763_800_000.5 + Double(index) * 1000
      records += [
        .made("waking", unit, at: start),
        .made("serving", unit, at: start + 0.012) {
          $0.client = "127.0.0.1:43436"
          $0.process = "redis-cli"
          $0.clientPid = 21941
          $0.milliseconds = 12.8
        },
        .made("pinned", unit, at: start + 1) { $0.expires = start + 3600 },
        .made("resting", unit, at: start + 60) { $0.idleSeconds = 30 },
        .made("rested", unit, at: start + 61) { $0.awakeSeconds = 61 },
        .made("failed", unit, at: start + 90) {
          $0.reason = "redis exited with status 1"
          $0.exitStatus = 1
          $0.lastLine = "Fatal \"error\" \\ \u{e9}"
        },
        .made("verification-failed", unit, at: start + 95) {
          $0.seconds = 4.5
          $0.reason = "exit status 1"
          $0.lastLines = ["one", "two"]
        },
      ]
    }
    records.append(.made("released", "mariadb", at: 1_763_803_000))
    return records
  }
}
