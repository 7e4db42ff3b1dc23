import Linux
import Testing

@testable import Torpor

@Suite struct ThreadSurveyTests {
  private func survey(_ waits: (thread: Int32, state: Character, pauses: UInt64, call: Int, ran: UInt64)...)
    -> ThreadSurvey
  {
    ThreadSurvey(
      waits.map {
        ThreadWait(
          thread: $0.thread, state: $0.state,
          call: BlockingCall(number: $0.call, arguments: [UInt64](repeating: 0, count: 6)), pauses: $0.pauses,
          lastRan: $0.ran)
      })
  }

  @Test func aThreadThatOnlyWasFrozenHasPausedOnceMore() {
    let before = survey((1, "S", 5, 232, 0), (2, "S", 9, 202, 0))
    #expect(survey((1, "S", 6, 232, 0), (2, "S", 10, 202, 0)).moved(since: before) == nil)
    #expect(survey((1, "S", 7, 232, 0), (2, "S", 10, 202, 0)).moved(since: before) == 1)
  }

  @Test func anotherCallOrAnotherThreadIsWork() {
    let before = survey((1, "S", 5, 232, 0))
    #expect(survey((1, "S", 6, 1, 0)).moved(since: before) == 1)
    #expect(survey((1, "S", 6, 232, 0), (3, "S", 1, 202, 0)).moved(since: before) == 3)
  }

  @Test func aRunningThreadIsWorkAndAnEndedOneIsNot() {
    #expect(survey((1, "R", 5, 0, 0)).working == 1)
    #expect(survey((1, "D", 5, 0, 0)).working == 1)
    #expect(survey((1, "Z", 5, 0, 0), (2, "S", 5, 0, 0)).working == nil)
  }

  @Test func whatItHadWaitedIsTakenOff() throws {
    var timers = ThreadTimers()
    let second: UInt64 = 1_000_000_000
    var before = survey((1, "S", 5, 232, 10 * second))
    before.limits[1] = .fromBegin(.seconds(75))
    let due = timers.due(before, survey((1, "S", 6, 232, 70 * second)))
    let left = Double(try #require(due) - MonotonicClock.now()) / 1e9
    #expect(left > 14 && left <= 15)
  }

  @Test func whatGoesOnAfterAThawKeepsItsTime() {
    var timers = ThreadTimers()
    var before = survey((1, "S", 5, 7, 0))
    before.limits[1] = .fromBegin(.seconds(30))
    let due = timers.due(before, survey((1, "S", 6, 7, 0)))
    #expect(due != nil)
    // restart_syscall(2), with the arguments of the first call.
    #if arch(x86_64)
      let again = timers.due(survey((1, "S", 7, 219, 0)), survey((1, "S", 8, 219, 0)))
      #expect(again == due)
      let another = timers.due(survey((2, "S", 7, 219, 0)), survey((2, "S", 8, 219, 0)))
      #expect(another == nil)
    #endif
  }
}
