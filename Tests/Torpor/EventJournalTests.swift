import Foundation
import Glibc
import Linux
import Testing

@testable import Torpor

@Suite(.serialized) struct EventJournalTests {
  private final class Scene {
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

  private func record(
    _ event: String, _ unit: String = "redis", at time: Double = 1_763_845_000.25,
    _ fill: (inout Narrator.Record) -> Void = { _ in }
  ) -> Narrator.Record {
    var record = Narrator.Record(event: event, service: unit)
    record.time = time
    fill(&record)
    return record
  }

  /// A day in the life of a few units, with everything that is remembered.
  private func story(_ units: [String] = ["redis", "mariadb", "ünïcode\"quoted\\"]) -> [Narrator.Record] {
    var records = [record("manager-started", "torpord", at: 1_763_800_000) { $0.boot = "b-1" }]
    for (index, unit) in units.enumerated() {
      let start = 1_763_800_000.5 + Double(index) * 1000
      records += [
        record("waking", unit, at: start),
        record("serving", unit, at: start + 0.012) {
          $0.client = "127.0.0.1:43436"
          $0.process = "redis-cli"
          $0.clientPid = 21941
          $0.milliseconds = 12.8
        },
        record("pinned", unit, at: start + 1) { $0.expires = start + 3600 },
        record("resting", unit, at: start + 60) { $0.idleSeconds = 30 },
        record("rested", unit, at: start + 61) { $0.awakeSeconds = 61 },
        record("failed", unit, at: start + 90) {
          $0.reason = "redis exited with status 1"
          $0.exitStatus = 1
          $0.lastLine = "Fatal \"error\" \\ \u{e9}"
        },
        record("verification-failed", unit, at: start + 95) {
          $0.seconds = 4.5
          $0.reason = "exit status 1"
          $0.lastLines = ["one", "two"]
        },
      ]
    }
    records.append(record("released", "mariadb", at: 1_763_803_000))
    return records
  }

  @Test func theSameIsKnownAfterARestart() throws {
    let scene = try Scene()
    let first = scene.journal()
    for record in story() { first.append(record) }
    let second = scene.journal()
    #expect(second.state == first.state)
    #expect(second.state.units.count == 3)
    let redis = try #require(second.state.units["redis"])
    #expect(redis.phase == .failed)
    #expect(redis.since == 1_763_800_090.5)
    #expect(redis.pins == [.init(since: 1_763_800_001.5, expires: 1_763_803_600.5)])
    let client = "127.0.0.1:43436 (redis-cli[21941])"
    #expect(redis.wake == .init(time: 1_763_800_000.512, client: client, milliseconds: 12.8))
    #expect(redis.rest == .init(time: 1_763_800_061.5, awakeSeconds: 61, reason: "idle for 30 s"))
    #expect(redis.failure?.exitStatus == 1)
    #expect(redis.failure?.lastLine == "Fatal \"error\" \\ \u{e9}")
    #expect(redis.verification?.hasSucceeded == false)
    #expect(redis.verification?.lastLines == ["one", "two"])
    #expect(second.state.units["mariadb"]?.pins == [])
    #expect(Set(second.state.pins(at: 1_763_803_000).keys) == ["redis", "ünïcode\"quoted\\"])
    #expect(second.state.pins(at: 1_763_900_000).isEmpty)
    #expect(scene.warnings.isEmpty)
  }

  /// Wherever a write was torn, what is folded is what the complete lines say, and the next event is readable.
  @Test func aJournalTornAtAnyByteIsItsCompleteLines() throws {
    let whole = try Scene()
    let journal = whole.journal()
    let records = story(["ünïcode\"quoted\\"])
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
    let scene = try Scene()
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
      torn.append(record("serving", "next"))
      #expect(scene.lines().count == complete + 1)
    }
  }

  /// Bytes that were changed, and numbers that no clock has shown: whatever a file says, the manager starts.
  @Test func noFileKeepsAManagerFromStarting() throws {
    let whole = try Scene()
    let journal = whole.journal()
    for record in story() { journal.append(record) }
    journal.rotate()
    for record in story() { journal.append(record) }
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
        later.fold(record("serving", unit), clock: .system)
        #expect(JournalLine.encode(unit, history, at: 1).count <= JournalLine.stateBytesMax)
      }
      for line in changed.split(separator: UInt8(ascii: "\n")) {
        guard let record = try? JSONDecoder().decode(Narrator.Record.self, from: Data(line)) else { continue }
        _ = HistoryText.line(record, now: 1_763_845_000)
      }
    }
  }

  /// The same numbers each time.
  private struct Lehmer: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ state >> 29
    }
  }

  @Test func garbageIsPassedOverAndTold() throws {
    let scene = try Scene()
    let good = String(decoding: JournalLine.encode(record("serving")).bytes, as: UTF8.self)
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
    let scene = try Scene()
    let journal = scene.journal(sizeMax: 4000)
    for record in story() { journal.append(record) }
    for index in 0..<500 {
      journal.append(record("serving", "unit-\(index % 5)", at: 1_763_803_600 + Double(index)))
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
    let scene = try Scene()
    let journal = scene.journal(sizeMax: 4000)
    for record in story() { journal.append(record) }
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
    let scene = try Scene()
    let isMounted = mount("tmpfs", scene.directory.path, "tmpfs", 0, "size=8k,mode=0750") == 0
    try #require(isMounted)
    defer { umount2(scene.directory.path, Int32(MNT_DETACH)) }
    let journal = scene.journal()
    for index in 0..<200 { journal.append(record("serving", "unit-\(index)")) }
    // The last of them may have been cut in two.
    #expect(scene.directory.text("journal.jsonl")?.hasSuffix("\n") == true)
    #expect(journal.state.units.count == 200)
    let stored = scene.lines().count
    #expect(stored < 200)
    let warning = "events can't be written to '\(scene.directory.path)/journal.jsonl': No space left on device"
    #expect(scene.warnings == [warning + "; they are lost until they can"])
    // Room again.
    _ = mount("tmpfs", scene.directory.path, "tmpfs", UInt(MS_REMOUNT), "size=64k,mode=0750")
    journal.append(record("serving", "late"))
    #expect(scene.lines().count == stored + 2)
    #expect(scene.lines()[stored].contains("\(200 - stored) events before this could not be written"))
    #expect(scene.lines()[stored + 1].contains("\"late\""))
  }

  @Test func noDirectoryStopsNothing() throws {
    let scene = try Scene()
    chmod(scene.directory.path, 0o777)
    let journal = scene.journal()
    journal.append(record("serving"))
    #expect(journal.state.units.count == 1)
    #expect(scene.warnings.count == 1)
    #expect(scene.directory.text("journal.jsonl") == nil)
  }

  @Test func aLinkInTheJournalsPlaceIsNotFollowed() throws {
    let scene = try Scene()
    let other = try TestDirectory()
    try other.write("precious\n", to: "victim")
    #expect(symlink(other.path("victim"), scene.directory.path("journal.jsonl")) == 0)
    let journal = scene.journal()
    journal.append(record("serving"))
    #expect(other.text("victim") == "precious\n")
    #expect(scene.warnings.count >= 1)
  }

  @Test func aLineIsNeverLongerThanAPage() throws {
    for filler in ["\"", "\\", "\u{1}", "é", "𝄞", "x"] {
      let text = String(repeating: filler, count: 10_000)
      let line = JournalLine.encode(
        record("failed", text) {
          $0.reason = text
          $0.client = text
          $0.process = text
          $0.lastLine = text
          $0.message = text
          $0.signal = text
          $0.boot = text
          $0.socket = text
          $0.holder = text
          $0.lastLines = Array(repeating: text, count: 100)
          $0.unsteered = Array(repeating: text, count: 100)
          $0.listening = Array(repeating: text, count: 100)
          $0.sockets = Array(repeating: text, count: 100)
        })
      #expect(line.bytes.count <= JournalLine.bytesMax)
      #expect(line.bytes.count { $0 == UInt8(ascii: "\n") } == 1)
      // What is folded is what is written.
      let decoded = try JSONDecoder().decode(Narrator.Record.self, from: Data(line.bytes))
      #expect(decoded == line.record)
      var history = UnitHistory()
      history.fold(line.record, clock: .utc)
      history.pins = Array(
        repeating: .init(holder: line.record.holder, since: 1, reason: line.record.reason), count: UnitHistory.pinsMax)
      #expect(JournalLine.encode("x", history, at: 1).count <= JournalLine.stateBytesMax)
    }
  }

  @Test func aStateIsReadAsItIsWritten() throws {
    for texts in [["plain"], ["", "\"\\\u{1}\u{1f}\u{7f}é𝄞\n"], []] {
      let text = texts.last
      var history = UnitHistory()
      if let text {
        history.phase = .resting
        history.since = 1e-7
        history.pins = [
          .init(since: 1_763_845_000.123456, expires: 1e17, reason: text), .init(id: -1, holder: text, since: 2),
        ]
        history.verification = .init(time: -1, hasSucceeded: true, seconds: 0, reason: text, lastLines: texts)
        history.failure = .init(time: 3, reason: text, exitStatus: -1, signal: text, lastLine: text)
        history.rest = .init(time: 4, awakeSeconds: 0.1, reason: text)
        history.wake = .init(time: 5, client: text, milliseconds: 12.8)
        history.restReason = text
        history.wakes.add(at: 7)
        history.wakes.add(at: 9)
      }
      let line = JournalLine.encode("name \(text ?? "")", history, at: 6)
      #expect(line.count { $0 == UInt8(ascii: "\n") } == 1)
      let read = try JSONDecoder().decode(JournalLine.State.self, from: Data(line))
      #expect(read.service == "name \(text ?? "")")
      #expect(read.state == history)
      var state = JournalState()
      let isUnderstood = state.fold(line.dropLast(), clock: .utc)
      #expect(isUnderstood)
      #expect(state.units == [read.service: history])
      // Members in the order of their names, as in every other line.
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      let names = String(decoding: try encoder.encode(history), as: UTF8.self).matches(of: /"([a-zA-Z]+)":/).map(\.1)
      let own = String(decoding: line, as: UTF8.self).matches(of: /"([a-zA-Z]+)":/).map(\.1)
      #expect(["event", "service", "state"] + names + ["time"] == own)
    }
  }

  @Test func whatRanInAnotherBootIsNotKnownToRun() throws {
    let scene = try Scene()
    let journal = scene.journal()
    for record in story() { journal.append(record) }
    journal.append(record("manager-started", "torpord") { $0.boot = "b-1" })
    #expect(journal.state.units["redis"]?.phase == .failed)
    journal.begin()
    #expect(journal.state.units["redis"]?.phase == nil)
    #expect(journal.state.units["redis"]?.pins.isEmpty == false)
    #expect(journal.state.boot?.count == 36)
    #expect(scene.journal().state == journal.state)
  }

  @Test func eachPinIsReleasedByItself() throws {
    let scene = try Scene()
    let journal = scene.journal()
    func pin(_ id: Int, at time: Double, until end: Double?) {
      journal.append(
        record("pinned", at: time) {
          $0.pin = id
          $0.holder = "user \(id)"
          $0.expires = end
        })
    }
    pin(1, at: 100, until: 200)
    pin(2, at: 110, until: nil)
    pin(3, at: 120, until: 300)
    #expect(scene.journal().state.pins(at: 150)["redis"]?.map(\.id) == [1, 2, 3])
    #expect(journal.state.pins(at: 200)["redis"]?.map(\.id) == [2, 3])
    journal.append(record("released", at: 160) { $0.pin = 2 })
    #expect(journal.state.pins(at: 160)["redis"]?.map(\.holder) == ["user 1", "user 3"])
    pin(4, at: 250, until: nil)
    #expect(journal.state.units["redis"]?.pins.map(\.id) == [3, 4])
    for id in 5..<1000 { pin(id, at: 260, until: nil) }
    #expect(journal.state.units["redis"]?.pins.count == UnitHistory.pinsMax)
    journal.rotate()
    #expect(scene.journal().state == journal.state)
    journal.append(record("released", at: 270))
    #expect(scene.journal().state.pins(at: 270).isEmpty)
  }

  /// What `torpor hold --for` asks for holds on when the manager has been killed.
  @Test func everyHoldWithAnEndIsThereAfterARestart() throws {
    let scene = try Scene()
    func holds(_ journal: EventJournal) throws -> UnitHolds {
      let holds = UnitHolds(loop: try EventLoop())
      holds.onChange = { [unowned holds] in journal.setPins(holds.all, of: "redis") }
      return holds
    }
    let first = scene.journal()
    let before = try holds(first)
    _ = try before.add(seconds: 3600, reason: "dump", holder: "torpor[1]")
    _ = try before.add(seconds: nil, reason: nil, holder: "torpor[2]")
    _ = try before.add(seconds: 7200, reason: nil, holder: "torpor[3]")
    _ = try before.add(seconds: 1800, reason: nil, holder: "torpor[4]")
    #expect(before.release(3) == 1)
    #expect(scene.lines().count == 4)
    let second = scene.journal()
    let after = try holds(second)
    after.restore(second.holds(of: "redis", at: WallClock.now()))
    #expect(after.all.map(\.id) == [1, 4])
    #expect(after.all.map(\.holder) == ["torpor[1]", "torpor[4]"])
    #expect(after.all.map(\.until) == [before.all[0].until, before.all[2].until])
    #expect(after.all[0].reason == "dump")
    // Nothing has happened, so nothing is written.
    #expect(scene.lines().count == 4)
    #expect(try after.add(seconds: 10, reason: nil, holder: "torpor[5]").id == 5)
    #expect(after.release(nil) == 3)
    #expect(scene.journal().holds(of: "redis", at: WallClock.now()) == [])
    #expect(second.holds(of: "redis", at: WallClock.now() + 1e6) == [])
  }

  @Test func aUnitThatIsStillDormantIsNoEvent() throws {
    let scene = try Scene()
    let journal = scene.journal()
    journal.append(record("dormant"))
    #expect(scene.lines().isEmpty)
    journal.append(record("failed"))
    journal.append(record("dormant"))
    journal.append(record("dormant"))
    #expect(scene.lines().count == 2)
    journal.append(record("removed"))
    #expect(journal.state.units.isEmpty)
  }

  @Test func aRecordOfJSONOutputIsALineOfTheJournal() throws {
    let narrated = Narrator.Record(.rested(awake: .seconds(61)), service: "redis", Narrator.Context())
    let line = String(decoding: JournalLine.encode(narrated).bytes, as: UTF8.self)
    #expect(line.hasPrefix("{\"awakeSeconds\":61,\"event\":\"rested\",\"service\":\"redis\""))
  }
}
