import Testing

@testable import Torpor

@Suite struct StatusTableTests {
  private let now = 1_800_000_000.0

  private var units: [UnitStatus] {
    [
      UnitStatus(
        name: "redis", state: .running, since: now - 200, connections: 3, idleInSeconds: 1500, wakesToday: 12,
        memoryBytes: 7_340_000, pid: 4711),
      UnitStatus(name: "a-service-with-a-long-name", state: .dormant, since: now - 90_000, wakesToday: 0),
      UnitStatus(
        name: "mariadb", state: .failed, since: now - 5, connections: 1, wakesToday: 4,
        lastFailure: UnitFailure(time: now - 5, reason: "exited with status 1", lastLine: "table is\u{1B}[2Jcorrupt"),
        retryInSeconds: 8),
    ]
  }

  private func lines(_ units: [UnitStatus], width: Int? = nil, hasColours: Bool = false) -> [String] {
    StatusTable.render(units, now: now, style: TextStyle(hasColours: hasColours, width: width))
      .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  @Test func aLineAUnitThenWhatIsWrongThenTheSum() {
    #expect(
      lines(units) == [
        "UNIT                        STATE    SINCE      CONNECTIONS  IDLE IN  WAKES TODAY  MEMORY",
        "redis                       running  3 min ago            3   25 min           12  7.3 MB",
        "a-service-with-a-long-name  dormant  25 h ago             –        –            0       –",
        "mariadb                     failed   5 s ago              1        –            4       –",
        "",
        "mariadb: exited with status 1; trying again in 8 s",
        "mariadb:   its last line: table is\u{FFFD}[2Jcorrupt",
        "",
        "3 units: 1 dormant, 1 running, 1 failed",
        "",
      ])
  }

  @Test(arguments: [20, 24, 30, 40, 50, 60, 70, 80, 90, 100])
  func noLineIsWiderThanTheTerminal(width: Int) {
    let lines = lines(units, width: width)
    #expect(lines.allSatisfy { $0.count <= max(width, 12 + 2 + 7) }, "\(lines)")
    // Which unit, and how it is: there in any case.
    #expect(lines[2].hasPrefix("a-service-w"))
    #expect(lines[1].contains("running"))
  }

  @Test func columnsGoBeforeNamesAreLost() {
    #expect(
      Array(lines(units, width: 60).prefix(3)) == [
        "UNIT                STATE    SINCE      CONNECTIONS  IDLE IN",
        "redis               running  3 min ago            3   25 min",
        "a-service-with-a-…  dormant  25 h ago             –        –",
      ])
  }

  @Test func coloursChangeNothingElse() throws {
    let plain = lines(units).joined(separator: "\n")
    let coloured = lines(units, hasColours: true).joined(separator: "\n")
    #expect(coloured.contains("\u{1B}[32mrunning\u{1B}[0m"))
    #expect(coloured.replacing(try Regex("\u{1B}\\[[0-9]*m"), with: "") == plain)
  }

  @Test func holdsWarningsAndFailedVerificationsAreTold() {
    var unit = UnitStatus(name: "pg", state: .running, since: now, idleInSeconds: 60)
    unit.holds = [
      UnitHold(id: 3, since: now, until: nil, holder: "pg_dump[17]", reason: "backup"),
      UnitHold(id: 4, since: now, until: now + 3000, holder: "torpor[18]"),
    ]
    unit.warnings = ["pg.service:7:1: ProtectSystem= isn't known: it runs without it"]
    unit.verification = UnitVerification(
      name: "pg", time: now - 7300, passed: false, seconds: 2, message: "it was not ready within 90 s")
    let lines = lines([unit])
    #expect(lines[1].contains("held"))
    #expect(
      lines[3...6] == [
        "pg: verification failed 2 h ago: it was not ready within 90 s",
        "pg: held by pg_dump[17] as long as it is connected (backup); hold 3",
        "pg: held by torpor[18] until in 50 min; hold 4",
        "pg: pg.service:7:1: ProtectSystem= isn't known: it runs without it",
      ])
  }

  @Test func noUnitsAreSaidToBeNone() {
    #expect(lines([]) == ["there are no units", ""])
  }

  @Test(arguments: [
    (0.0, "now"), (1, "1 s ago"), (119, "119 s ago"), (120, "2 min ago"), (7199, "119 min ago"), (7200, "2 h ago"),
    (172_799, "47 h ago"), (172_800, "2 d ago"), (-5, "now"), (1e15, "for ever ago"),
  ])
  func timesAreWholeNumbers(seconds: Double, text: String) {
    #expect(ShownTime.ago(now - seconds, now: now) == text)
  }

  @Test(arguments: [
    (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (7_340_000, "7.3 MB"), (12_000_000_000, "12.0 GB"),
  ])
  func bytesHaveAUnit(count: Int, text: String) {
    #expect(ShownTime.bytes(count) == text)
  }

  @Test func whatIsMeantForATerminalDoesNothingToIt() {
    #expect(TextStyle.clean("a\u{1B}]0;x\u{7}b\u{202E}c\n") == "a\u{FFFD}]0;x\u{FFFD}b\u{FFFD}c\u{FFFD}")
    #expect(TextStyle.clean("Ünï – 💥") == "Ünï – 💥")
  }
}
