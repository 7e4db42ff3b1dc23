import Linux
import Testing

@testable import Torpor

@Suite("Alarms of a loop")
struct AlarmTests {
  let loop: EventLoop
  init() throws { loop = try EventLoop() }

  private func after(milliseconds: UInt64) -> UInt64 { MonotonicClock.now() + milliseconds * 1_000_000 }

  @Test func ringInTheOrderOfTheirMomentsHoweverTheyAreSet() throws {
    var rung: [Int] = []
    let start = after(milliseconds: 5)
    var generator = SystemRandomNumberGenerator()
    let alarms = (0..<200).map { number in
      let alarm = Alarm(loop: loop)
      alarm.onDue = { [loop] in
        rung.append(number)
        if rung.count == 100 { loop.stop() }
      }
      return alarm
    }
    for (number, alarm) in alarms.enumerated().shuffled(using: &generator) {
      alarm.set(to: start + 10_000_000_000)
      alarm.set(to: start + UInt64(number) * 1000)
    }
    // Every other one is taken back, so that the heap is mended at places inside of it.
    for (number, alarm) in alarms.enumerated().shuffled(using: &generator) where number % 2 == 1 { alarm.set(to: nil) }
    try loop.run()
    #expect(rung == Array(stride(from: 0, to: 200, by: 2)))
    #expect(alarms.allSatisfy { $0.due == nil })
  }

  @Test func oneThatIsTakenBackByAnotherThatRingsDoesNotRing() throws {
    let one = Alarm(loop: loop)
    let other = Alarm(loop: loop)
    let last = Alarm(loop: loop)
    var hasRung = false
    let moment = after(milliseconds: 2)
    one.onDue = { other.set(to: nil) }
    other.onDue = { hasRung = true }
    last.onDue = { [loop] in loop.stop() }
    one.set(to: moment)
    other.set(to: moment + 1)
    last.set(to: moment + 20_000_000)
    try loop.run()
    #expect(!hasRung)
  }

  @Test func oneThatIsSetForThePastRingsAgainWithoutKeepingTheOthersWaiting() throws {
    let eager = Alarm(loop: loop)
    let patient = Alarm(loop: loop)
    var rings = 0
    eager.onDue = {
      rings += 1
      eager.set(to: 1)
    }
    patient.onDue = { [loop] in loop.stop() }
    eager.set(to: 1)
    patient.set(to: after(milliseconds: 10))
    try loop.run()
    #expect(rings > 1)
  }

  @Test func oneThatGoesIsSetNoLonger() throws {
    var hasRung = false
    do {
      let alarm = Alarm(loop: loop)
      alarm.onDue = { hasRung = true }
      alarm.set(to: after(milliseconds: 1))
    }
    let last = Alarm(loop: loop)
    last.onDue = { [loop] in loop.stop() }
    last.set(to: after(milliseconds: 10))
    try loop.run()
    #expect(!hasRung)
  }
}
