import Foundation
import Simulation
import Testing

/// How many seeds a round tries. More for a longer look: TORPOR_SEEDS=10000000 swift test -c release.
private let seedCount = UInt64(ProcessInfo.processInfo.environment["TORPOR_SEEDS"] ?? "") ?? 50_000

/// What to print for a seed that fails: the end of its trace, which is where it went wrong.
func explain(_ seed: UInt64, _ profile: Profile) -> String {
  let outcome = Schedule(seed: seed, profile: profile).run(isTracing: true)
  let lines = "\(profile) \(outcome.description(seed: seed))".split(separator: "\n")
  guard lines.count > 300 else { return lines.joined(separator: "\n") }
  return (lines.prefix(20) + ["…"] + lines.suffix(280)).joined(separator: "\n")
}

@Suite struct ScheduleTests {
  /// In four parts, so that they run side by side.
  @Test(arguments: 0..<UInt64(4))
  func everyInvariantHoldsInEverySchedule(part: UInt64) {
    var failures = 0
    for seed in stride(from: part, to: seedCount, by: 4) {
      // Another divisor than the number of parts: each part has all profiles.
      let profile = Profile(of: seed)
      let outcome = Schedule(seed: seed, profile: profile).run()
      guard !outcome.violations.isEmpty else { continue }
      failures += 1
      if failures == 1 { Issue.record("\(explain(seed, profile))") }
    }
    #expect(failures == 0, "so many of \(seedCount / 4) schedules")
  }

  @Test(arguments: Profile.allCases)
  func aSeedIsOneSchedule(profile: Profile) {
    for seed in UInt64(0)..<50 {
      let first = Schedule(seed: seed, profile: profile).run(isTracing: true)
      let second = Schedule(seed: seed, profile: profile).run(isTracing: true)
      let isSame = first == second
      #expect(isSame, "seed \(seed)")
      let isUnchanged = first.counts == Schedule(seed: seed, profile: profile).run().counts
      #expect(isUnchanged, "a trace changes nothing, seed \(seed)")
    }
  }

  /// Seeds that once failed, each with what it showed.
  @Test(
    arguments: [
      (24482, .tcp, "started although nobody came, over before it was seen that somebody waits: not a success"),
      (
        292_559, .tcp,
        "a first look that was taken after the last one: newcomers taken for those who waited at the start"
      ),
      (7812, .tcp, "a client that gave up in the queue taken for one that was served"),
      (37179, .tcp, "a failed look at the handshakes of a rest that is given up taken for an empty one"),
      (5547, .tcp, "a first look that came after readiness and was lost"),
      (4, .tcp, "a rest right behind a visitor who came during the drain"),
      (1034, .freeze, "frozen with a connection between queue and hand, which nothing then told of"),
      (1615, .freeze, "awake for its own timer for longer than two looks are apart"),
      (162_369, .succession, "told to end 200 ms after a datagram came, when it had been read just now"),
      (783, .succession, "a connection that was silent at SIGTERM and not after it"),
      (
        596_864, .succession,
        "a commitment that the predecessor had made, given up as the kernel refused it to the successor"
      ),
      (137_184, .owner, "an unsteered listener that was shut down in a drain, and not listened on after the rest"),
      (55_294, .owner, "a service killed while it answered a datagram that an earlier drain had seen"),
      (40_290, .owner, "a service on its way to the background, frozen as soon as it was ready"),
      (2_528, .owner, "a rest that was asked for begun by a look that another had overtaken"),
      (233, .owner, "a rest that was asked for while a datagram was being answered"),
      (95_271, .succession, "a look that had overtaken the one before it, which told of the close"),
      (
        3_635, .owner,
        "a visitor whom only the look of an asked rest had shown, at a service woken by nobody who counts"
      ),
      (25_735, .owner, "such a service whose visitors could not be seen"),
      (720_143, .owner, "a visit between the last two looks at a start, of a source whose visits aren't told of"),
      (467, .owner, "a service at work while it was checked, which was its own start"),
      (2_051_985, .freeze, "a connection that had just carried something, cut off as datagrams were steered for good"),
      (2_052_707, .owner, "work after a check, whose own look had failed, taken for that of the start"),
      (2_254_942, .owner, "a use while the idle timeout was infinite, forgotten when another came"),
      (2_144_347, .succession, "a client who came between the last look at a service and its sleep, taken for asleep"),
      (2_247_574, .tcp, "a service that went to the background later than a start may take, ended for that"),
      (2_422_931, .udp, "a late answer about the last instance, taken for a proof that this one had served"),
      (2_902_955, .udp, "a look that was asked for at the last instance and taken of this one, which told of a close"),
      (2_855_060, .owner, "a datagram that only the look of a rest had shown that was no longer asked for"),
      (2_290_780, .udp, "a commitment that could not be withdrawn at once, made for good"),
      (2_839_517, .owner, "frozen on demand while it answered those who had waited for it to start"),
      (24844, .succession, "workers whose master had died while nobody looked, taken for a service"),
    ] as [(UInt64, Profile, String)])
  func aSeedThatOnceFailedHolds(_ seed: UInt64, _ profile: Profile, _ story: String) {
    let outcome = Schedule(seed: seed, profile: profile).run(isTracing: true)
    #expect(outcome.violations.isEmpty, "\(story)")
  }

  /// A simulation that never comes to a case says nothing about it.
  @Test func schedulesReachEveryCase() {
    var total = Outcome.Counts()
    for seed in UInt64(0)..<4_000 {
      total += Schedule(seed: seed).run().counts
      total += Schedule(seed: seed, profile: Profile(of: seed)).run().counts
      total += Schedule(seed: seed, profile: .succession).run().counts
      total += Schedule(seed: seed, profile: .owner).run().counts
    }
    for (name, keyPath) in Outcome.Counts.all {
      #expect(total[keyPath: keyPath] > 0, "\(name) never happened")
    }
    #expect(total.rests > 4_000)
    #expect(total.abortedRests > 200)
    #expect(total.failedStarts > 400)
    #expect(total.backoffs > 50)
    #expect(total.migrated > 200)
    #expect(total.relayed > 100)
    #expect(total.commits > 500)
    #expect(total.freezes > 500)
    #expect(total.wakesByData > 100)
    #expect(total.killsWhileFrozen > 100)
    #expect(total.deaths > 1_000)
    #expect(total.served * 10 > total.clients * 7)
  }
}
