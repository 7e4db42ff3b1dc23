import Glibc
import Testing

@testable import Linux

/// What processes use, as the kernel tells, and addresses by their first bits.
@Suite struct UsageTests {
  @Test func theProcessorTimeOfABusyProcessGrows() throws {
    let before = try #require(ProcessFiles.processorTime(of: getpid()))
    let end = MonotonicClock.now() + 200_000_000
    var sum: UInt64 = 0
    while MonotonicClock.now() < end { sum &+= 1 }
    let after = try #require(ProcessFiles.processorTime(of: getpid()))
    // Two ticks at least, even where others compute.
    #expect(after - before >= 20_000_000, "\(sum)")
  }

  @Test func aThreadThatRunsIsFound() throws {
    var limit = 512
    // Ourselves, at this moment.
    let thread = try #require(ProcessFiles.workingThread(of: getpid(), limit: &limit))
    #expect(thread.process == getpid())
    #expect(limit < 512)
    var none = 0
    #expect(ProcessFiles.workingThread(of: getpid(), limit: &none) == nil)
  }

  @Test func fieldsAreFoundBehindANameOfAnyCharacters() {
    #expect(ProcessFiles.threadState(stat: "12 (a) R (b) D 1 2") == "D")
    #expect(ProcessFiles.threadState(stat: "no end") == nil)
    let io = "rchar: 5\nwchar: 6\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 1\n"
    #expect(ProcessFiles.storageBytes(io: io) == 12288)
    #expect(ProcessFiles.storageBytes(io: "rchar: 5\n") == nil)
    #expect(Cgroup.processorTime(stat: "usage_usec 1500\nuser_usec 1000\n") == 1_500_000)
    #expect(Cgroup.processorTime(stat: "") == nil)
  }

  @Test func anAddressIsInItsRangeOnly() throws {
    func contains(_ range: String, _ address: String) throws -> Bool {
      try #require(SourceRange(range)).contains(try #require(SocketAddress(text: address, port: 80)))
    }
    #expect(try contains("10.0.0.0/8", "10.255.1.2"))
    #expect(try !contains("10.0.0.0/8", "11.0.0.0"))
    #expect(try contains("127.0.0.1", "127.0.0.1"))
    #expect(try !contains("127.0.0.1", "127.0.0.2"))
    #expect(try contains("192.168.4.0/22", "192.168.7.255"))
    #expect(try !contains("192.168.4.0/22", "192.168.8.0"))
    #expect(try contains("0.0.0.0/0", "8.8.8.8"))
    // A client of a dual-stack listener.
    #expect(try contains("10.0.0.0/8", "::ffff:10.1.2.3"))
    #expect(try contains("fd00::/8", "fdff::1"))
    #expect(try !contains("fd00::/8", "10.0.0.1"))
  }

  @Test(arguments: ["", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "name", "fe80::1%lo/64", "::/129"])
  func whatIsNoRangeIsRefused(text: String) { #expect(SourceRange(text) == nil) }

  @Test func aRangeIsToldAsItWasWritten() {
    #expect(SourceRange("10.0.0.0/8")?.description == "10.0.0.0/8")
    #expect(SourceRange("::1/128")?.description == "::1")
  }
}
