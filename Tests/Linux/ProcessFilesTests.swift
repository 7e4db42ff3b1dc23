import Glibc
import Testing

@testable import Linux

@Suite struct ProcessFilesTests {
  @Test func anEpollRegistrationIsReadFromItsLine() throws {
    let line = "tfd:        4 events:       19 data:                4  pos:0 ino:2297 sdev:9"
    let registration = try #require(ProcessFiles.Registration(line: Substring(line)))
    #expect(registration.number == 4)
    #expect(registration.events == 0x19)
    #expect(registration.data == 4)
    #expect(registration.inode == 0x2297)
  }

  @Test func wideValuesOfARegistrationAreRead() throws {
    let line = "tfd:     1000 events: 80000019 data: ffffffffffffffff  pos:0 ino:ffffffff sdev:9"
    let registration = try #require(ProcessFiles.Registration(line: Substring(line)))
    #expect(registration.events == 0x8000_0019)
    #expect(registration.data == .max)
  }

  @Test func otherLinesOfAnFdinfoAreNone() {
    for line in ["pos:\t0", "flags:\t02000002", "mnt_id:\t17", "", "tfd: x events: 1 data: 1 ino:1"] {
      #expect(ProcessFiles.Registration(line: Substring(line)) == nil)
    }
  }

  @Test func ourOwnProcessIsDescribed() throws {
    #expect(ProcessFiles.threadGroup(of: getpid()) == getpid())
    #expect(ProcessFiles.memory(of: getpid()) > 0)
    #expect(ProcessFiles.name(of: getpid())?.isEmpty == false)
    #expect(ProcessFiles.descriptors(of: getpid()).contains(0))
    #expect(ProcessFiles.contents(of: "/proc/0/comm") == nil)
  }

  @Test func closeOnExecIsReadForEachNumber() throws {
    let pipe = try OwnedFD.pipe()
    let number = pipe.reading.number
    #expect(ProcessFiles.closesOnExec(getpid(), number: number))
    let plain = dup(number)
    defer { close(plain) }
    #expect(!ProcessFiles.closesOnExec(getpid(), number: plain))
  }
}
