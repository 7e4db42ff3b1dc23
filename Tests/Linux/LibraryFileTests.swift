import Foundation
import Linux
import Testing

/// The preloaded library's file: nobody but us may have written it, where it is and what it is in.
@Suite struct LibraryFileTests {
  private static let content = [UInt8]((0..<5000).map { UInt8(truncatingIfNeeded: $0) })

  private func withDirectory(_ body: (String) throws -> Void) throws {
    let directory = NSTemporaryDirectory() + "torpor-library-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try body(directory)
  }

  private func publish(_ directory: String, isForAll: Bool = true) throws -> String {
    try LibraryFile.publish(Self.content, named: "x.so", in: directory, isForAll: isForAll)
  }

  @Test func itIsMadeOnceAndReadableForAll() throws {
    try withDirectory { directory in
      let before = umask(0o077)
      defer { umask(before) }
      let path = try publish(directory)
      #expect(path == directory + "/x.so")
      #expect(FileManager.default.contents(atPath: path).map { Array($0) } == Self.content)
      let made = try FileManager.default.attributesOfItem(atPath: path)
      #expect(made[.posixPermissions] as? Int == 0o644)
      #expect(try FileManager.default.attributesOfItem(atPath: directory)[.posixPermissions] as? Int == 0o755)
      #expect(try publish(directory) == path)
      let again = try FileManager.default.attributesOfItem(atPath: path)
      #expect(made[.systemFileNumber] as? Int == again[.systemFileNumber] as? Int)
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["x.so"])
    }
  }

  @Test func oneThatIsntTheSameIsReplaced() throws {
    try withDirectory { directory in
      let path = try publish(directory)
      for other in [Data([1, 2]), Data(Self.content + [0]), Data(Self.content.reversed())] {
        try other.write(to: URL(fileURLWithPath: path))
        _ = try publish(directory)
        #expect(FileManager.default.contents(atPath: path).map { Array($0) } == Self.content)
      }
      chmod(path, 0o666)
      _ = try publish(directory)
      #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o644)
    }
  }

  @Test func aDirectoryThatOthersMayWriteIsRefused() throws {
    try withDirectory { directory in
      mkdir(directory, 0o755)
      for mode: mode_t in [0o775, 0o757, 0o1777] {
        chmod(directory, mode)
        #expect(throws: Errno.notPermitted) { try publish(directory) }
      }
      chmod(directory, 0o700)
      #expect(throws: Errno.notPermitted) { try publish(directory) }
      _ = try publish(directory, isForAll: false)
    }
  }

  @Test(.enabled(if: geteuid() == 0, "needs root")) func somebodyElsesDirectoryIsRefused() throws {
    try withDirectory { directory in
      mkdir(directory, 0o755)
      chown(directory, 65534, 65534)
      #expect(throws: Errno.notPermitted) { try publish(directory) }
    }
  }

  @Test func noLinkIsFollowed() throws {
    try withDirectory { directory in
      _ = try publish(directory)
      let path = directory + "/x.so"
      unlink(path)
      symlink("/etc/passwd", path)
      _ = try publish(directory)
      #expect(FileManager.default.contents(atPath: path).map { Array($0) } == Self.content)
      let link = directory + "-link"
      symlink(directory, link)
      defer { unlink(link) }
      #expect(throws: Errno(ENOTDIR)) { try publish(link) }
    }
  }
}
