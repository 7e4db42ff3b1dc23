import Testing

@testable import Torpor

/// What a person is told of what the senses see.
@Suite struct ExplanationTests {
  private func explanation(
    _ connections: [Explanation.Connection], waiting: Int = 0, mode: WatchOptions.Connections = .open,
    others: [Explanation.Answer] = [], idleTimeout: Duration? = .seconds(1800)
  ) -> Explanation {
    Explanation.made(
      of: connections, waiting: waiting, busySince: .seconds(120), quietSince: .seconds(90), mode: mode, others: others,
      idleTimeout: idleTimeout)
  }

  private let pool = Explanation.Connection(
    client: "127.0.0.1:43436", process: "app[21941]", dataAgo: .seconds(2400))

  @Test func nobodyIsConnected() {
    let made = explanation([])
    #expect(
      made.answers == [
        Explanation.Answer(name: "connections", isBusy: false, since: .seconds(90), evidence: ["nobody is connected"])
      ])
    #expect(made.advice == [])
  }

  @Test func aConnectionIsToldWithItsProcessAndItsLastData() {
    var connection = pool
    connection.dataAgo = .seconds(3)
    let made = explanation([connection], waiting: 2)
    #expect(made.answers[0].isBusy)
    #expect(made.answers[0].since == .seconds(120))
    #expect(
      made.answers[0].evidence == [
        "127.0.0.1:43436 (app[21941]), last data 3 s ago", "2 clients wait to be accepted",
      ])
    #expect(made.advice == [])
  }

  @Test func whoIsKeptUpByASilentPoolIsAdvised() {
    let made = explanation([pool])
    #expect(made.answers[0].isBusy)
    #expect(made.advice.count == 1)
    #expect(made.advice[0].contains("40 min"))
    #expect(made.advice[0].contains("Connections=active"))
    // Not while something else keeps it up, nor where it can't help.
    let working = Explanation.Answer(name: "processing", isBusy: true, evidence: ["cpu 35 % over 2 min"])
    #expect(explanation([pool], others: [working]).advice == [])
    #expect(explanation([Explanation.Connection(client: "a client of /run/x.sock")]).advice == [])
  }

  @Test func silentOnesAndIgnoredOnesDoNotCount() {
    let made = explanation([pool], mode: .active)
    #expect(!made.answers[0].isBusy)
    #expect(made.answers[0].evidence[0].hasSuffix("silent ones don't count (Connections=active)"))
    var ignored = pool
    ignored.isIgnored = true
    let open = explanation([ignored])
    #expect(!open.answers[0].isBusy)
    #expect(open.answers[0].evidence[0].hasSuffix("its source doesn't count (IgnoreSource=)"))
    var own = pool
    own.isOwn = true
    let alone = explanation([own])
    #expect(!alone.answers[0].isBusy && alone.advice == [])
    #expect(alone.answers[0].evidence[0].hasSuffix("last data 40 min ago; the service's own, at both ends"))
    #expect(explanation([own, pool]).answers[0].isBusy)
    var unread = pool
    unread.unreadBytes = 6
    #expect(explanation([unread], mode: .active).answers[0].isBusy)
  }

  @Test func ofManyTheFirstAreNamed() {
    let made = explanation(Array(repeating: pool, count: 25))
    #expect(made.answers[0].evidence.count == Explanation.connectionsMax + 1)
    #expect(made.answers[0].evidence.last == "and 15 more")
  }
}
