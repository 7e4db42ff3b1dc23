import Testing

@testable import Linux

@Suite struct ThreadWaitTests {
  @Test func aBlockedCallIsReadFromItsLine() throws {
    let call = try #require(
      BlockingCall(line: "232 0x3 0x7fe148000ba0 0x3ff 0x4e20 0x0 0x0 0x7fe14e5a7a30 0x7fe14ed26f36\n"))
    #expect(call.number == 232)
    #expect(call.arguments == [3, 0x7fe1_4800_0ba0, 0x3ff, 20_000, 0, 0])
    for line in ["running\n", "-1 0x7ffd 0x55\n", "", "232 0x3\n", "232 0x3 x y z 0x1 0x2 0x3 0x4\n"] {
      #expect(BlockingCall(line: line) == nil)
    }
  }

  @Test func theSchedulersWordsAreRead() {
    let text = """
      cat (14007, #threads: 1)
      -------------------------------------------------------------------
      se.exec_start                                :      37923226.047593
      nr_switches                                  :                   12
      nr_voluntary_switches                        :                    7
      """
    #expect(ThreadWait.number(text, "nr_voluntary_switches") == 7)
    #expect(ThreadWait.lastRan(text) == 37_923_226_047_593)
    #expect(ThreadWait.number("voluntary_ctxt_switches:\t5\n", "voluntary_ctxt_switches") == 5)
    #expect(ThreadWait.lastRan("se.exec_start : many") == nil)
  }

  #if arch(x86_64)
    private func limit(_ number: Int, _ arguments: [UInt64], _ time: (Int64, Int64)? = nil) -> WaitLimit? {
      let padded = arguments + [UInt64](repeating: 0, count: 6 - arguments.count)
      return BlockingCall(number: number, arguments: padded).limit { _ in time }
    }

    @Test func timeoutsInMillisecondsAreArguments() {
      #expect(limit(232, [3, 1, 64, 75_000]) == .fromBegin(.seconds(75)))
      #expect(limit(281, [3, 1, 64, 0xffff_ffff]) == nil)
      #expect(limit(7, [1, 1, 250]) == .fromBegin(.milliseconds(250)))
      #expect(limit(7, [1, 1, 0xffff_ffff_ffff_ffff]) == nil)
    }

    @Test func timeoutsInMemoryAreReadThere() {
      #expect(limit(271, [1, 1, 0x1000], (2, 500_000_000)) == .left(.milliseconds(2500)))
      #expect(limit(23, [1, 0, 0, 0, 0x1000], (2, 500_000)) == .left(.milliseconds(2500)))
      #expect(limit(23, [1, 0, 0, 0, 0]) == nil)
      #expect(limit(35, [0x1000], (30, 0)) == .fromBegin(.seconds(30)))
      #expect(limit(230, [1, 0, 0x1000], (30, 0)) == .fromBegin(.seconds(30)))
      #expect(limit(230, [1, 1, 0x1000], (30, 7)) == .moment(clock: 1, seconds: 30, nanoseconds: 7))
      // Nothing can be read there.
      #expect(limit(35, [0x1000]) == nil)
    }

    @Test func aFutexSaysWhatItsTimeoutMeans() {
      #expect(limit(202, [1, 0x80, 0, 0x1000], (5, 0)) == .fromBegin(.seconds(5)))
      #expect(limit(202, [1, 0x189, 0, 0x1000], (5, 0)) == .moment(clock: 0, seconds: 5, nanoseconds: 0))
      #expect(limit(202, [1, 0x89, 0, 0x1000], (5, 0)) == .moment(clock: 1, seconds: 5, nanoseconds: 0))
      #expect(limit(202, [1, 0x189, 0, 0]) == nil)
      #expect(limit(202, [1, 0x81, 0, 0x1000], (5, 0)) == nil)
    }

    @Test func aCallThatGoesOnIsToldByItsNumber() {
      #expect(BlockingCall(number: 219, arguments: [0, 0, 0, 0, 0, 0]).isRestarted)
      #expect(!BlockingCall(number: 7, arguments: [0, 0, 0, 0, 0, 0]).isRestarted)
    }
  #endif

  @Test func whatIsLeftOfALimit() {
    #expect(WaitLimit.fromBegin(.seconds(75)).left(begun: .seconds(70)) == .seconds(5))
    #expect(WaitLimit.fromBegin(.seconds(75)).left(begun: .seconds(80)) == .zero)
    #expect(WaitLimit.fromBegin(.seconds(75)).left(begun: .seconds(-1)) == .seconds(75))
    #expect(WaitLimit.left(.seconds(5)).left(begun: .seconds(70)) == .seconds(5))
    #expect(WaitLimit.moment(clock: 1, seconds: 1, nanoseconds: 0).left(begun: .zero) == .zero)
    let far = WaitLimit.moment(clock: 1, seconds: 4_000_000_000, nanoseconds: 0).left(begun: .zero)
    #expect(far > .seconds(1_000_000_000))
  }

  @Test func aTimerDescriptorTellsWhatItHasLeft() {
    let text =
      "pos:\t0\nflags:\t02\nclockid: 1\nticks: 0\nsettime flags: 01\nit_value: (4, 49406829)\nit_interval: (1, 0)\n"
    #expect(ProcessFiles.timeLeft(timer: text) == .seconds(4) + .nanoseconds(49_406_829))
    #expect(ProcessFiles.timeLeft(timer: "it_value: (0, 0)\n") == nil)
    #expect(ProcessFiles.timeLeft(timer: "pos:\t0\n") == nil)
  }

  @Test func ourOwnThreadsAreSeen() throws {
    let wait = try #require(ThreadWait(ProcessFiles.own, of: ProcessFiles.own))
    #expect(wait.thread == ProcessFiles.own)
    #expect(ThreadWait(0x3fff_ffff, of: 0x3fff_ffff) == nil)
    #expect(ProcessFiles.threads(of: ProcessFiles.own, limit: 10_000).contains(ProcessFiles.own))
  }

  @Test func onlyPrivateWritableMemoryIsAProcesssOwn() {
    let maps = """
      55d0a0000000-55d0a0021000 rw-p 00000000 00:00 0                          [heap]
      7f1c4c000000-7f1c4c021000 r-xp 00000000 08:01 1234                       /usr/lib/libc.so.6
      7f1c4d000000-7f1c4d001000 rw-s 00000000 00:01 99                         /dev/zero (deleted)
      7f1c4e000000-7f1c4e002000 rw-p 00000000 00:00 0
      """
    #expect(
      PrivateMemory.ranges(maps: maps) == [
        PrivateMemory(address: 0x55d0_a000_0000, bytes: 0x21000),
        PrivateMemory(address: 0x7f1c_4e00_0000, bytes: 0x2000),
      ])
  }
}
