import Glibc
import Testing

@testable import Linux

@Suite struct RegularFileTests {
  private let directory: String

  init() throws {
    var template = Array("/tmp/torpor-regular.XXXXXX".utf8CString)
    directory = String(cString: try #require(mkdtemp(&template)))
  }

  @Test func whatIsNoRegularFileIsNotEvenOpened() throws {
    defer { removeAll() }
    // In the place of a device, which may do something when it is opened. A link leads to it.
    try #require(mkfifo(path("pipe"), 0o600) == 0)
    try #require(symlink("pipe", path("link")) == 0)
    let opens = inotify_init1(Int32(IN_NONBLOCK))
    defer { close(opens) }
    try #require(inotify_add_watch(opens, path("pipe"), 0x20 /* IN_OPEN */) >= 0)
    for name in ["pipe", "link"] {
      #expect(throws: Errno.invalid) { try RegularFile.contents(of: path(name)) }
    }
    var event = [UInt8](repeating: 0, count: 4096)
    #expect(read(opens, &event, event.count) == -1 && errno == EAGAIN)
    // It is one that would be told of.
    close(open(path("pipe"), O_RDWR | O_NONBLOCK))
    #expect(read(opens, &event, event.count) > 0)
  }

  @Test func aFileIsReadByALinkToo() throws {
    defer { removeAll() }
    try NewFile.write("4711\n", to: path("file"))
    try #require(symlink("file", path("link")) == 0)
    for name in ["file", "link"] {
      #expect(try RegularFile.contents(of: path(name)) == Array("4711\n".utf8))
      #expect(throws: Errno(EFBIG)) { try RegularFile.contents(of: path(name), limit: 4) }
    }
    #expect(throws: Errno.noEntry) { try RegularFile.contents(of: path("none")) }
  }

  private func path(_ name: String) -> String { "\(directory)/\(name)" }

  private func removeAll() {
    for name in ["pipe", "link", "file"] { unlink(path(name)) }
    rmdir(directory)
  }
}
