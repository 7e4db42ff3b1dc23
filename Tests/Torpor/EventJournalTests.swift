import Foundation
import Glibc
import Linux
import Testing

@testable import Torpor

/// What the journal says, and what it amounts to.
@Suite struct EventJournalTests {
  @Test func theSameIsKnownAfterARestart() throws {
    let scene = try JournalScene()
    let first = scene.journal()
    for record in Narrator.Record.story() { first.append(record) }
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

  @Test func aLineIsNeverLongerThanAPage() throws {
    for filler in ["\"", "\\", "\u{1}", "é", "𝄞", "x"] {
      let text = String(repeating: filler, count: 10_000)
      let line = JournalLine.encode(
        .made("failed", text) {
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
    let scene = try JournalScene()
    let journal = scene.journal()
    for record in Narrator.Record.story() { journal.append(record) }
    journal.append(.made("manager-started", "torpord") { $0.boot = "b-1" })
    #expect(journal.state.units["redis"]?.phase == .failed)
    journal.begin()
    #expect(journal.state.units["redis"]?.phase == nil)
    #expect(journal.state.units["redis"]?.pins.isEmpty == false)
    #expect(journal.state.boot?.count == 36)
    #expect(scene.journal().state == journal.state)
  }

  @Test func aUnitThatIsStillDormantIsNoEvent() throws {
    let scene = try JournalScene()
    let journal = scene.journal()
    journal.append(.made("dormant"))
    #expect(scene.lines().isEmpty)
    journal.append(.made("failed"))
    journal.append(.made("dormant"))
    journal.append(.made("dormant"))
    #expect(scene.lines().count == 2)
    journal.append(.made("removed"))
    #expect(journal.state.units.isEmpty)
  }

  @Test func aRecordOfJSONOutputIsALineOfTheJournal() throws {
    let narrated = Narrator.Record(.rested(awake: .seconds(61)), service: "redis", Narrator.Context())
    let line = String(decoding: JournalLine.encode(narrated).bytes, as: UTF8.self)
    #expect(line.hasPrefix("{\"awakeSeconds\":61,\"event\":\"rested\",\"service\":\"redis\""))
  }
}
