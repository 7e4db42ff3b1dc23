import Lifecycle
import Testing

@Suite struct BackoffTests {
  @Test func theWaitDoublesUpToAMinute() {
    let waits = (1...9).map { Backoff().delay(afterFailures: $0) }
    #expect(waits == [1, 2, 4, 8, 16, 32, 60, 60, 60].map { Duration.seconds($0) })
  }

  @Test func anyNumberOfFailuresHasAWait() {
    #expect(Backoff().delay(afterFailures: 100_000) == .seconds(60))
  }

  @Test func theLongestWaitHoldsWhereDoublingWouldPassIt() {
    let backoff = Backoff(first: .seconds(7), longest: .seconds(10))
    #expect(backoff.delay(afterFailures: 1) == .seconds(7))
    #expect(backoff.delay(afterFailures: 2) == .seconds(10))
  }
}
