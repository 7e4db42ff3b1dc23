import Foundation
import Glibc
import Linux
import Testing

@testable import Torpor

/// A journal that was torn, filled with garbage, interrupted or refused by the disk.
@Suite(.serialized) struct EventJournalDamageTests {
  /// The same numbers each time.
  private struct Lehmer: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ state >> 29
    }
  }

  /// Wherever a write was torn, what is folded is what the complete lines say, and the next event is readable.
  @Test func aJournalTornAtAnyByteIsItsCompleteLines() throws {
    let whole = try JournalScene()
    let journal = whole.journal()
    let records = Narrator.Record.story(["ünïcode\"quoted\\"])
    for record in records { journal.append(record) }
    let bytes = whole.directory.bytes("journal.jsonl")
    // What each number of complete lines amounts to.
    var states = [JournalState()]
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      var state = states[states.count - 1]
      let isUnderstood = state.fold(line, clock: .utc)
      #expect(isUnderstood)
      states.append(state)
    }
    #expect(states.count == records.count + 1)
    let scene = try JournalScene()
    for count in 0...bytes.count {
      let prefix = Array(bytes.prefix(count))
      try scene.directory.write(prefix, to: "journal.jsonl")
      scene.warnings = []
      let complete = prefix.count { $0 == UInt8(ascii: "\n") }
      let torn = scene.journal()
      #expect(torn.state == states[complete])
      let isTorn = count > 0 && prefix.last != UInt8(ascii: "\n")
      #expect(scene.warnings.count == (isTorn ? 1 : 0))
      if isTorn {
        let warning = "\(scene.directory.path)/journal.jsonl: the last line is torn, and cut off"
        #expect(scene.warnings[0].hasPrefix(warning))
      }
      torn.append(.made("serving", "next"))
      #expect(scene.lines().count == complete + 1)
    }
  }

  /// Bytes that were changed, and numbers that no clock has shown: whatever a file says, the manager starts.
  @Test func noFileKeepsAManagerFromStarting() throws {
    let whole = try JournalScene()
    let journal = whole.journal()
    for record in Narrator.Record.story() { journal.append(record) }
    journal.rotate()
    for record in Narrator.Record.story() { journal.append(record) }
    let bytes = whole.directory.bytes("journal.jsonl")
    var generator = Lehmer(state: 20_261_122)
    let digits = Array("0123456789".utf8)
    for round in 0..<2000 {
      var changed = bytes
      for _ in 0...round % 8 {
        let index = Int.random(in: 0..<changed.count, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: changed[index] = UInt8.random(in: 0...255, using: &generator)
        case 1: changed.remove(at: index)
        case 2: changed.insert(changed[Int.random(in: 0..<changed.count, using: &generator)], at: index)
        default:
          // Numbers grow.
          guard let digit = changed[index...].firstIndex(where: { digits.contains($0) }) else { continue }
          let many = [["99999999999999999999"], ["1e308", "-1e308"], ["9223372036854775807", "-9"]][round % 3]
          changed.replaceSubrange(digit...digit, with: many[round / 3 % many.count].utf8)
        }
      }
      var state = JournalState()
      for line in changed.split(separator: UInt8(ascii: "\n")) { state.fold(line, clock: .system) }
      for (unit, history) in state.units {
        _ = state.wakesToday(unit, at: history.since ?? 0)
        var later = history
        later.fold(.made("serving", unit), clock: .system)
        #expect(JournalLine.encode(unit, history, at: 1).count <= JournalLine.stateBytesMax)
      }
      for line in changed.split(separator: UInt8(ascii: "\n")) {
        guard let record = try? JSONDecoder().decode(Narrator.Record.self, from: Data(line)) else { continue }
        _ = HistoryText.line(record, now: 1_763_845_000)
      }
    }
  }

  @Test func garbageIsPassedOverAndTold() throws {
    let scene = try JournalScene()
    let good = String(decoding: JournalLine.encode(.made("serving")).bytes, as: UTF8.self)
    let bad = [
      "", "{", "null", "[1]", "{\"event\":1}", "{\"event\":\"unit-state\",\"service\":\"x\",\"time\":1}", "\0\0",
    ]
    let long = String(repeating: "x", count: 200_000)
    let deep = String(repeating: "[", count: 60_000)
    try scene.directory.write(
      good + bad.joined(separator: "\n") + "\n" + long + "\n" + deep + "\n" + good, to: "journal.jsonl")
    let journal = scene.journal()
    #expect(journal.state.garbageLines == bad.count + 2)
    #expect(journal.state.units.keys.sorted() == ["redis"])
    #expect(journal.state.wakesToday("redis", at: 1_763_845_001, .utc) == 2)
    #expect(scene.warnings == ["\(scene.directory.path)/journal.jsonl:2: 9 lines not understood, and passed over"])
  }

  @Test func aFullJournalGivesWayToOneThatKnowsTheSame() throws {
    let scene = try JournalScene()
    let journal = scene.journal(sizeMax: 4000)
    for record in Narrator.Record.story() { journal.append(record) }
    for index in 0..<500 {
      journal.append(.made("serving", "unit-\(index % 5)", at: 1_763_803_600 + Double(index)))
      let size = scene.directory.bytes("journal.jsonl").count
      #expect(size < 4000 + 6000)
      if index % 50 == 0 { #expect(scene.journal().state == journal.state) }
    }
    #expect(scene.lines("journal.jsonl.1").isEmpty == false)
    #expect(scene.directory.text("journal.jsonl.new") == nil)
    let names = try FileManager.default.contentsOfDirectory(atPath: scene.directory.path).sorted()
    #expect(names == ["journal.jsonl", "journal.jsonl.1"])
    #expect(scene.warnings.isEmpty)
    #expect(scene.journal().state.wakesToday("unit-0", at: 1_763_804_100, .utc) == 100)
  }

  /// A manager may be killed between any two steps of it, and a power failure may take what was written last.
  @Test func aRotationThatWasInterruptedLosesNothing() throws {
    let scene = try JournalScene()
    let journal = scene.journal(sizeMax: 4000)
    for record in Narrator.Record.story() { journal.append(record) }
    let before = scene.directory.bytes("journal.jsonl")
    journal.rotate()
    let state = journal.state
    let new = scene.directory.bytes("journal.jsonl")
    #expect(scene.directory.bytes("journal.jsonl.1") == before)
    // Between the two renames.
    unlink(scene.directory.path("journal.jsonl"))
    try scene.directory.write(new, to: "journal.jsonl.new")
    #expect(scene.journal().state == state)
    // The new file's data was not on the disk yet, from some byte on.
    for count in stride(from: 0, to: new.count, by: 7) {
      try scene.directory.write(Array(new.prefix(count)), to: "journal.jsonl")
      #expect(scene.journal().state == state)
    }
    // Or was zeros.
    try scene.directory.write([UInt8](repeating: 0, count: new.count), to: "journal.jsonl")
    #expect(scene.journal().state.units == state.units)
    // Nothing is left but the new one.
    try scene.directory.write(new, to: "journal.jsonl")
    unlink(scene.directory.path("journal.jsonl.1"))
    #expect(scene.journal().state == state)
  }

  @Test(.enabled(if: geteuid() == 0, "needs root, to mount a file system"))
  func aFullDiskStopsNothing() throws {
    let scene = try JournalScene()
    let isMounted = mount("tmpfs", scene.directory.path, "tmpfs", 0, "size=8k,mode=0750") == 0
    try #require(isMounted)
    defer { umount2(scene.directory.path, Int32(MNT_DETACH)) }
    let journal = scene.journal()
    for index in 0..<200 { journal.append(.made("serving", "unit-\(index)")) }
    // The last of them may have been cut in two.
    #expect(scene.directory.text("journal.jsonl")?.hasSuffix("\n") == true)
    #expect(journal.state.units.count == 200)
    let stored = scene.lines().count
    #expect(stored < 200)
    let warning = "events can't be written to '\(scene.directory.path)/journal.jsonl': No space left on device"
    #expect(scene.warnings == [warning + "; they are lost until they can"])
    // Room again.
    _ = mount("tmpfs", scene.directory.path, "tmpfs", UInt(MS_REMOUNT), "size=64k,mode=0750")
    journal.append(.made("serving", "late"))
    #expect(scene.lines().count == stored + 2)
    #expect(scene.lines()[stored].contains("\(200 - stored) events before this could not be written"))
    #expect(scene.lines()[stored + 1].contains("\"late\""))
  }

  @Test func noDirectoryStopsNothing() throws {
    let scene = try JournalScene()
    chmod(scene.directory.path, 0o777)
    let journal = scene.journal()
    journal.append(.made("serving"))
    #expect(journal.state.units.count == 1)
    #expect(scene.warnings.count == 1)
    #expect(scene.directory.text("journal.jsonl") == nil)
  }

  @Test func aLinkInTheJournalsPlaceIsNotFollowed() throws {
    let scene = try JournalScene()
    let other = try TestDirectory()
    try other.write("precious\n", to: "victim")
    #expect(symlink(other.path("victim"), scene.directory.path("journal.jsonl")) == 0)
    let journal = scene.journal()
    journal.append(.made("serving"))
    #expect(other.text("victim") == "precious\n")
    #expect(scene.warnings.count >= 1)
  }
}
