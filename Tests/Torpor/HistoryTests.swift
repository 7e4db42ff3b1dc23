import Foundation
import Linux
import Testing

@testable import Torpor

@Suite struct HistoryTests {
  private func record(_ event: String, _ fill: (inout Narrator.Record) -> Void = { _ in }) -> Narrator.Record {
    var record = Narrator.Record(event: event, service: "redis")
    record.time = 1000
    fill(&record)
    return record
  }

  @Test func eventsReadAsSentences() {
    let woken = record("serving") {
      $0.client = "127.0.0.1:5000"
      $0.process = "curl"
      $0.clientPid = 123
      $0.milliseconds = 8.1
    }
    #expect(
      HistoryText.line(woken, now: 1150)
        == "2 min ago   woken by 127.0.0.1:5000 (curl[123]); serving after 8.1 ms")
    #expect(HistoryText.line(record("waking"), now: 1000) == nil)
    let failed = record("failed") {
      $0.reason = "redis exited with status 1"
      $0.lastLine = "no memory"
    }
    #expect(
      HistoryText.line(failed, now: 1000.5)
        == "just now    failed: redis exited with status 1; its last line: \"no memory\"")
    let pinned = record("pinned") { $0.expires = 4600 }
    #expect(HistoryText.line(pinned, now: 1000 + 86400) == "24 h ago    pinned for 60 min")
    #expect(HistoryText.sentence(record("leftovers-killed")) == "leftovers killed")
  }

  @Test(arguments: [
    (-5, "just now"), (0.9, "just now"), (1, "1 s ago"), (119, "119 s ago"), (120, "2 min ago"), (7199, "119 min ago"),
    (7200, "2 h ago"), (172_800, "2 days ago"), (1e300, "99999 days ago"),
  ])
  func timesAreTold(seconds: Double, text: String) { #expect(HistoryText.ago(seconds) == text) }

  @Test func theNewestOfAUnitAreFound() throws {
    let directory = try TestDirectory()
    var warnings: [String] = []
    let journal = EventJournal(directory.path, sizeMax: 100_000, clock: .utc) { warnings.append($0) }
    // Enough for several blocks and an old file.
    for index in 0..<3000 {
      var record = Narrator.Record(event: "serving", service: index % 3 == 0 ? "redis" : "other")
      record.time = Double(index)
      record.client = "redis"
      journal.append(record)
    }
    let found = try EventHistory.records(in: directory.path, unit: "redis", limit: 5)
    #expect(found.map(\.time) == [2985, 2988, 2991, 2994, 2997])
    let many = try EventHistory.records(in: directory.path, unit: "redis", limit: 500)
    #expect(many.map(\.time) == (0..<500).map { 1500 + Double($0 * 3) })
    #expect(try EventHistory.records(in: directory.path, unit: "nobody", limit: 5).isEmpty)
    #expect(try EventHistory.lines(in: directory.path, unit: "redis", limit: 1).count == 1)
    #expect(try EventHistory.sentences(in: directory.path, unit: "redis", limit: 2).count == 2)
    #expect(warnings.isEmpty)
  }

  @Test func linesAreTheSameReadFromEitherEnd() throws {
    let directory = try TestDirectory()
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<20 {
      // Line ends at and around the ends of blocks.
      var lines: [[UInt8]] = []
      for _ in 0..<40 {
        let length = Int.random(in: 0..<3, using: &generator) == 0 ? 20_000 : Int.random(in: 0..<10, using: &generator)
        lines.append([UInt8](repeating: UInt8.random(in: 97..<123, using: &generator), count: length))
      }
      let whole = Array(lines.joined(separator: [UInt8(ascii: "\n")])) + [UInt8(ascii: "\n")]
      try directory.write(whole + Array("torn".utf8), to: "file")
      let file = try OwnedFD.reading(directory.path("file"))
      var forward: [[UInt8]] = []
      let end = try LineReader.forward(file) { line, _ in forward.append(Array(line)) }
      var backward: [[UInt8]] = []
      try LineReader.backward(file) {
        backward.append(Array($0))
        return true
      }
      #expect(end == whole.count)
      #expect(forward == lines)
      #expect(Array(backward.reversed()).filter { !$0.isEmpty } == lines.filter { !$0.isEmpty })
      let found = try LineReader.end(file, size: whole.count + 4)
      #expect(found == whole.count)
    }
  }
}

@Suite struct HourCountsTests {
  @Test func aDayIsFromMidnightOn() {
    var counts = HourCounts()
    counts.add(at: 23)
    counts.add(at: 24)
    counts.add(at: 24)
    counts.add(at: 30)
    #expect(counts.today(at: 23) == 1)
    #expect(counts.today(at: 30) == 3)
    #expect(counts.today(at: 47) == 3)
    #expect(counts.today(at: 48) == 0)
    #expect(counts.counts == [1, 0, 0, 0, 0, 0, 2, 1])
  }

  @Test func nothingGrowsWithoutBound() {
    var counts = HourCounts()
    for hour in 0..<1000 { counts.add(at: hour) }
    #expect(counts.counts.count == 24)
    #expect(counts.today(at: 999) == 16)
    for _ in 0..<70_000 { counts.add(at: 999) }
    #expect(counts.counts[0] == .max)
  }

  @Test func aClockThatWasWrongIsForgotten() {
    var counts = HourCounts()
    counts.add(at: 1_000_000)
    counts.add(at: 500)
    #expect(counts.today(at: 500) == 1)
    counts.add(at: 499)
    #expect(counts.today(at: 500) == 2)
  }

  @Test(arguments: [Int.max, Int.min, -1])
  func noHourThatAFileSaysOverflows(hour: Int) throws {
    let text = "{\"hour\":\(hour),\"counts\":[1]}"
    var counts = try JSONDecoder().decode(HourCounts.self, from: Data(text.utf8))
    _ = counts.today(at: 500)
    counts.add(at: 500)
    #expect(counts.today(at: 500) == 1)
  }

  @Test func midnightIsTheLocalOne() {
    let clock = LocalTime { _ in 19_800 }  // India
    #expect(clock.hour(of: 18.4 * 3600) == 23)
    #expect(clock.hour(of: 18.5 * 3600) == 24)
    #expect(clock.hour(of: .nan) == 5)
    #expect(clock.hour(of: 1e300) > 0)
  }
}
