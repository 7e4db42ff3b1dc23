import Linux
import Testing

@testable import Torpor

@Suite struct GracePeriodTests {
  /// A rest that is given up during its own barrier needs one that begins later.
  @Test func aBarrierAskedForMeanwhileTakesThePlaceOfTheOneUnderWay() throws {
    let loop = try EventLoop()
    let gracePeriod = GracePeriod(loop: loop)
    var timer = try Timer()
    try timer.set(to: MonotonicClock.now() + 10_000_000_000)
    let token = try loop.add(timer.descriptor, for: .readable) { _ in loop.stop() }
    var passed: [String] = []
    gracePeriod.begin { passed.append("first") }
    let first = try #require(gracePeriod.helper)
    gracePeriod.begin {
      passed.append("second")
      loop.stop()
    }
    // The child of the first is let end: nobody has waited for it here.
    #expect(gracePeriod.helper == first)
    try loop.run()
    loop.remove(token, timer.descriptor)
    #expect(passed == ["second"])
    #expect(gracePeriod.helper == nil)
  }
}
