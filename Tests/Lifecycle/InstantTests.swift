import Lifecycle
import Testing

@Suite struct InstantTests {
  @Test func aMomentAdvances() {
    let start = Instant(nanoseconds: 5)
    #expect(start.advanced(by: .nanoseconds(7)) == Instant(nanoseconds: 12))
    #expect(start.advanced(by: .seconds(3)) == Instant(nanoseconds: 3_000_000_005))
    #expect(start.advanced(by: .zero) == start)
  }

  @Test func aMomentNeverGoesBack() {
    #expect(Instant(nanoseconds: 5).advanced(by: .nanoseconds(-1)) == Instant(nanoseconds: 5))
    #expect(Instant(nanoseconds: 5).advanced(by: .seconds(-1)) == Instant(nanoseconds: 5))
  }

  @Test func theEndOfTheClockIsNeverPassed() {
    let end = Instant(nanoseconds: .max)
    #expect(end.advanced(by: .nanoseconds(1)) == end)
    #expect(Instant(nanoseconds: 5).advanced(by: .seconds(Int64.max)) == end)
  }

  @Test func timeSinceALaterMomentIsZero() {
    let early = Instant(nanoseconds: 100)
    let late = Instant(nanoseconds: 350)
    #expect(late.since(early) == .nanoseconds(250))
    #expect(early.since(late) == .zero)
    #expect(early < late)
  }

  @Test func theLongestTimeIsHeldWithinWhatADurationSays() {
    #expect(Instant(nanoseconds: .max).since(Instant(nanoseconds: 0)) == .nanoseconds(Int64.max))
  }
}
