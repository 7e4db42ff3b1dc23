import Testing

@testable import Torpor

@Suite struct UnitTextTests {
  private let now = 1_800_000_000.0

  @Test func aRunningOneIsExplainedBySenses() {
    let explanation = UnitExplanation(
      name: "redis", state: .running, since: now - 4000,
      senses: [
        SenseReport(
          name: "connections", verdict: .busy, since: now - 200,
          evidence: ["127.0.0.1:43436 (redis-cli[219]), last data 3 s ago", "127.0.0.1:43440"]),
        SenseReport(name: "processing", verdict: .quiet, since: now - 60, evidence: ["0.2 % of a core"]),
      ],
      earliestRest: now + 1800, wokenBy: "127.0.0.1:43436 (redis-cli[219])", wokenAt: now - 4000,
      advice: ["Connections=active would let it rest."])
    #expect(
      UnitText.explain(explanation, now: now, style: TextStyle()) == """
        redis: running since 66 min ago
          connections   busy, 3 min ago
                        127.0.0.1:43436 (redis-cli[219]), last data 3 s ago
                        127.0.0.1:43440
          processing    quiet, 60 s ago
                        0.2 % of a core
          could rest    in 30 min, if nothing more happens
          woken by      127.0.0.1:43436 (redis-cli[219]), 66 min ago
          advice        Connections=active would let it rest.

        """)
  }

  @Test func aDormantOneIsExplainedByItsLastRest() {
    let explanation = UnitExplanation(
      name: "redis", state: .dormant, since: now - 300, restedBecause: "idle for 30 min", restedAt: now - 300,
      wakesOn: ["a connection to 127.0.0.1:6379", "a connection to /run/redis.sock"])
    #expect(
      UnitText.explain(explanation, now: now, style: TextStyle()) == """
        redis: dormant since 5 min ago
          rested        idle for 30 min, 5 min ago
          wakes on      a connection to 127.0.0.1:6379
                        a connection to /run/redis.sock

        """)
  }

  @Test func longLinesAreCutToTheTerminal() {
    let explanation = UnitExplanation(
      name: "redis", state: .dormant, since: now, wakesOn: [String(repeating: "x", count: 200)])
    let text = UnitText.explain(explanation, now: now, style: TextStyle(width: 40))
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 40 })
    #expect(text.contains("xxx…\n"))
  }

  @Test func oneIsDescribedWithAllThatIsKnown() {
    let unit = UnitStatus(
      name: "pg", state: .failed, since: now - 1, sockets: ["127.0.0.1:5432", "/run/pg/.s.PGSQL.5432"], wakesToday: 3,
      lastFailure: UnitFailure(time: now - 1, reason: "exited with status 1", lastLine: "no space left"),
      retryInSeconds: 4, file: "/etc/torpor/pg.torpor")
    let settings = UnitSettings(
      command: ["/usr/bin/postgres", "-D", "/data"], dropIns: ["/etc/torpor/pg.torpor.d/a.conf"],
      idleTimeoutSeconds: nil, user: "postgres", logFile: "/var/log/torpor/pg.log")
    #expect(
      UnitText.describe(unit, settings, now: now, style: TextStyle()) == """
        pg: failed since 1 s ago
          file          /etc/torpor/pg.torpor, /etc/torpor/pg.torpor.d/a.conf
          sockets       127.0.0.1:5432
                        /run/pg/.s.PGSQL.5432
          command       /usr/bin/postgres -D /data
          user          postgres
          rest          never
          connections   0
          wakes today   3
          last failure  exited with status 1, 1 s ago
                        its last line: no space left
                        trying again in 4 s
          log           /var/log/torpor/pg.log

        """)
  }

  @Test func aVerificationThatFailedShowsWhatWasSaid() {
    let verification = UnitVerification(
      name: "pg", time: now, passed: false, seconds: 2, message: "it exited with status 1",
      lastLines: ["PANIC: corrupt\u{7}"])
    #expect(
      VerificationText.render(verification, style: TextStyle())
        == "pg: FAILED: it exited with status 1\n    PANIC: corrupt\u{FFFD}\n")
  }

  @Test func anEventIsALine() {
    let event = ManagerEvent(time: now, event: "serving", unit: "pg", client: "127.0.0.1:5", pid: 7, seconds: 3)
    #expect(
      EventText.render(event, clock: "12:00:00", style: TextStyle())
        == "12:00:00 pg: serving, client 127.0.0.1:5, pid 7, 3 s\n")
    #expect(
      EventText.render(
        ManagerEvent(time: now, event: "reloaded", message: "2 new"), clock: "12:00:00", style: TextStyle())
        == "12:00:00 2 new\n")
  }
}
