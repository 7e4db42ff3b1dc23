import Glibc
import Testing

@testable import Linux

@Suite struct BarrierTests {
  @Test func aGracePeriodEndsAndLeavesNoChild() throws {
    let barrier = try Barrier()
    let pid = barrier.pid
    var entry = pollfd(fd: barrier.descriptor.number, events: Int16(POLLIN), revents: 0)
    #expect(poll(&entry, 1, 5000) == 1)
    let hasPassed = barrier.finish()
    #expect(hasPassed)
    #expect(kill(pid, 0) == -1)
  }

  @Test func aKilledChildHasWaitedForNothing() throws {
    // It may have ended before it was hit: then it says so, and is tried again.
    for _ in 0..<50 {
      let barrier = try Barrier()
      kill(barrier.pid, SIGKILL)
      if !barrier.finish() { return }
    }
    Issue.record("no child was ever killed in time")
  }
}
