import Glibc
import Lifecycle
import Linux
import Testing
import Units

@testable import Torpor

@Suite struct SenseTableTests {
  @Test func namesAreReadAndConnectionsAlwaysCount() throws {
    #expect(SenseTable.defaultNames == ["connections", "channels", "processing"])
    #expect(try SenseTable.names(in: "processing") == ["connections", "processing"])
    #expect(try SenseTable.names(in: "connections, channels") == ["connections", "channels"])
    #expect(throws: SenseTable.UnknownName(name: "telepathy")) { try SenseTable.names(in: "channels,telepathy") }
  }

  /// A name that has no line in the table doesn't compile; one whose line makes nothing would keep nobody up.
  @Test func whateverCanBeNamedIsMade() {
    let subject = SenseSubject(
      options: WatchOptions(), processes: NoProcesses(), heldAddresses: { [] }, heldUnixInodes: { [] })
    for name in SenseTable.Name.allCases where name != .connections {
      #expect(SenseTable.make(name, subject) != nil, "\(name)")
    }
    let unknown = "\(SenseTable.UnknownName(name: "x"))"
    #expect(unknown == "there is no sense 'x': connections, channels, processing are known")
  }

  @Test func whileAConnectionIsOpenNobodyElseIsAsked() {
    let board = SenseBoard(
      SenseSubject(options: WatchOptions(), processes: NoProcesses(), heldAddresses: { [] }, heldUnixInodes: { [] }))
    func at(_ seconds: UInt64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }
    board.begin(at: at(1))
    let isWork = board.look(SocketTable(), at: at(2))
    #expect(!isWork)
    let (begins, goesOn) = (board.spare(true, at: at(2)), board.spare(true, at: at(3)))
    #expect(!begins && !goesOn && board.isSpared && board.reports["processing"] == nil)
    // The look that doesn't find it any more is one that has seen it.
    let (isOver, again) = (board.spare(false, at: at(4)), board.spare(false, at: at(5)))
    #expect(isOver && !again && !board.isSpared)
  }

  @Test func moreDescriptorsThanAreLookedThroughHideWhatItHas() {
    final class Own: ProcessSource {
      let pids = [getpid()]
      let mainPID: Int32? = getpid()
      let cgroupProcessorTime: UInt64? = nil
      let cgroupIDs: [UInt64]? = nil
    }
    let count = ProcessFiles.descriptors(of: getpid()).count
    var all = DescriptorFinder(processes: Own(), limit: count + 8)
    var some = DescriptorFinder(processes: Own(), limit: 2)
    _ = (all.inodes, some.inodes)
    let (sees, isCut) = (!all.isBlind && !all.isCut, some.isBlind && some.isCut)
    #expect(sees && isCut)
  }

  @Test func moreCgroupsThanAreLookedThroughHideWhatItHas() {
    final class Own: ProcessSource {
      let pids = [getpid()]
      let mainPID: Int32? = getpid()
      let cgroupProcessorTime: UInt64? = nil
      var cgroupIDs: [UInt64]? = []
    }
    func verdict(cgroups: Int) -> Verdict {
      let own = Own()
      own.cgroupIDs = Array(1...UInt64(cgroups))
      let sense = ChannelSense(
        SenseSubject(options: WatchOptions(), processes: own, heldAddresses: { [] }, heldUnixInodes: { [] }))
      var question = SocketTables.Question()
      sense.prepare(&question)
      return sense.look(SocketTable(), at: Instant(nanoseconds: 1))
    }
    #expect(!verdict(cgroups: Cgroup.belowMax).isBusy)
    #expect(verdict(cgroups: Cgroup.belowMax + 1).isBusy)
  }

  @Test func sharesAreOfOneProcessor() {
    #expect(WatchOptions.share("1%") == 0.01)
    #expect(WatchOptions.share("250%") == 2.5)
    for text in ["", "1", "%", "0%", "-1%", "nan%"] { #expect(WatchOptions.share(text) == nil) }
  }
}

/// Of a service that has none.
final class NoProcesses: ProcessSource {
  let pids: [Int32] = []
  let mainPID: Int32? = nil
  let cgroupProcessorTime: UInt64? = nil
  let cgroupIDs: [UInt64]? = nil
}
