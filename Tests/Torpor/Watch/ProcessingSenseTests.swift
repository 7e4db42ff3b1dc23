import Glibc
import Lifecycle
import Linux
import Testing

@testable import Torpor

/// Sums of processor time and storage, over looks of any distance.
@Suite struct ProcessingSenseTests {
  /// Processes that use what they are told to.
  private final class Source: ProcessSource {
    var pids: [Int32] = []
    var mainPID: Int32?
    var cgroupProcessorTime: UInt64?
    var cgroupIDs: [UInt64]?
  }

  private func sense(_ source: Source, threshold: Double = 0.01) -> ProcessingSense {
    var options = WatchOptions()
    options.processingThreshold = threshold
    return ProcessingSense(
      SenseSubject(options: options, processes: source, heldAddresses: { [] }, heldUnixInodes: { [] }))
  }

  private func at(_ milliseconds: UInt64) -> Instant {
    Instant(nanoseconds: 1_000_000_000_000 + milliseconds * 1_000_000)
  }

  private func look(_ sense: ProcessingSense, at milliseconds: UInt64) -> Bool {
    sense.look(SocketTable(), at: at(milliseconds)).isBusy
  }

  @Test func moreThanItsShareIsWork() {
    let source = Source()
    source.cgroupProcessorTime = 5_000_000_000
    let sense = sense(source)
    sense.begin(at: at(0))
    source.cgroupProcessorTime = 5_000_000_000 + 99_000_000
    #expect(!look(sense, at: 10_000))
    source.cgroupProcessorTime = 5_000_000_000 + 99_000_000 + 101_000_000
    #expect(look(sense, at: 20_000))
    #expect(!look(sense, at: 30_000))
  }

  @Test func withoutACgroupEachOfManyProcessesCounts() {
    let source = Source()
    // Of which none but the last does anything.
    source.pids = Array(repeating: 1, count: 400) + [getpid()]
    source.mainPID = 1
    let sense = sense(source)
    sense.begin(at: at(0))
    let end = MonotonicClock.now() + 200_000_000
    while MonotonicClock.now() < end {}
    #expect(look(sense, at: 2000))
    // More than can be looked at are not taken for idle.
    source.pids += Array(repeating: 1, count: 2000)
    guard case .blind = sense.look(SocketTable(), at: at(4000)) else {
      Issue.record("it isn't blind")
      return
    }
  }

  @Test func whatIsLittleAtEachOfManyLooksIsSummedUp() {
    let source = Source()
    source.cgroupProcessorTime = 0
    let sense = sense(source)
    sense.begin(at: at(0))
    // A fifth of a processor, looked at every 20 ms: 4 ms each.
    var isBusy = false
    for step in 1...5 {
      source.cgroupProcessorTime = UInt64(step) * 4_000_000
      isBusy = look(sense, at: UInt64(step) * 20) || isBusy
    }
    #expect(isBusy)
    // Half of the share for ever is none.
    let idle = self.sense(source)
    let base: UInt64 = 20_000_000
    idle.begin(at: at(100))
    for step in 1...500 {
      source.cgroupProcessorTime = base + UInt64(step) * 100_000
      #expect(!look(idle, at: 100 + UInt64(step) * 20))
    }
  }

  @Test func whatCantBeReadIsBusy() {
    let source = Source()
    // One that is gone, and whose cgroup can't be read.
    source.pids = [Int32.max]
    let sense = sense(source)
    sense.begin(at: at(0))
    guard case .blind = sense.look(SocketTable(), at: at(1000)) else {
      Issue.record("it sees something")
      return
    }
    // Nor is none seen, where there is one, none.
    source.pids = []
    source.mainPID = getpid()
    #expect(look(sense, at: 2000))
    // A oneshot service that has done its work and remains.
    source.mainPID = nil
    sense.begin(at: at(3000))
    #expect(!look(sense, at: 4000))
  }

  @Test func aProcessThatComesAndGoesIsCounted() {
    typealias Reading = ProcessingSense.Reading
    #expect(Reading.sum([1: 50, 2: 30], since: [1: 40]) == 40)
    // One that has ended takes its time with it; another has got its number.
    #expect(Reading.sum([1: 10], since: [1: 40, 2: 30]) == 10)
  }

  @Test func oursIsSeenWithoutACgroup() {
    let source = Source()
    source.pids = [getpid()]
    let sense = sense(source)
    let begin = MonotonicClock.now()
    sense.begin(at: Instant(nanoseconds: begin))
    var sum: UInt64 = 0
    while MonotonicClock.now() < begin + 200_000_000 { sum &+= 1 }
    let verdict = sense.look(SocketTable(), at: Instant(nanoseconds: MonotonicClock.now()))
    #expect(verdict.isBusy, "\(sum)")
    #expect(verdict.evidence.first?.hasPrefix("cpu ") == true)
  }

  @Test func numbersAreWrittenAsPeopleReadThem() {
    #expect(Numbers.percent(0.002) == "0.2 %")
    #expect(Numbers.percent(0.35) == "35 %")
    #expect(Numbers.percent(0) == "0.0 %")
    #expect(Numbers.bytes(512) == "512 bytes")
    #expect(Numbers.bytes(1_234_567) == "1.2 MB")
    #expect(Numbers.bytes(25_000_000) == "25 MB")
  }
}
