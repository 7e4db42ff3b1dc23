import Linux

/// Reads a log file as it grows, for whoever wants to watch: `torpor logs -f`. Not the manager, and maybe another user.
///
/// To be asked now and then. A file that was rotated is read to its end, and then the new one; in one that was cut in front, the
/// place is found again by what was read last.
public struct LogReader: ~Copyable {
  private let path: String
  private var file: OwnedFD
  private var inode: UInt64
  private var offset: Int
  /// A line whose end hasn't come.
  private var torn: [UInt8] = []
  /// What was read last.
  private var recent: [UInt8] = []
  private static let recentBytes = 512
  private static let blockBytes = 1 << 16

  /// `after`: how many lines to begin with that are there already.
  public init(_ path: String, after count: Int = 0) throws(Errno) {
    let (inode, offset, recent) = try Self.place(path, after: count)
    file = try OwnedFD.reading(path)
    self.path = path
    (self.inode, self.offset, self.recent) = (inode, offset, recent)
  }

  private static func place(
    _ path: String, after count: Int
  ) throws(Errno) -> (inode: UInt64, offset: Int, recent: [UInt8]) {
    let file = try OwnedFD.reading(path)
    let status = try file.status()
    let offset = try start(of: count, in: file, size: status.sizeBytes)
    let before = min(offset, recentBytes)
    return (status.inode, offset, try file.read(before, at: offset - before))
  }

  /// Where the last `count` lines begin; at most 1 MiB is looked through.
  private static func start(of count: Int, in file: borrowing OwnedFD, size: Int) throws(Errno) -> Int {
    let first = max(0, size - (1 << 20))
    let bytes = try file.read(size - first, at: first)
    var end = bytes.count
    // A line that isn't ended is one, too.
    if bytes.last == UInt8(ascii: "\n") { end -= 1 }
    for _ in 0..<max(count, 0) {
      guard let newline = bytes[..<max(end, 0)].lastIndex(of: UInt8(ascii: "\n")) else { return first }
      end = newline
    }
    return count > 0 ? first + end + 1 : size
  }

  /// Complete lines that have come, without control characters; empty when there are none now. Of much there is more to be had.
  public mutating func next() throws(Errno) -> [String] {
    let status = try file.status()
    if status.sizeBytes < offset { try findPlace(status.sizeBytes) }
    var bytes = try file.read(Self.blockBytes, at: offset)
    if bytes.isEmpty, try isReplaced() {
      offset = 0
      recent = []
      bytes = try file.read(Self.blockBytes, at: 0)
    }
    offset += bytes.count
    recent = Array((recent + bytes).suffix(Self.recentBytes))
    var text = torn + bytes
    torn = []
    guard let end = text.lastIndex(of: UInt8(ascii: "\n")) else {
      // More than a block without a line end is no line to wait for.
      if text.count > Self.blockBytes { return [LogText.clean(text[...])] }
      torn = text
      return []
    }
    torn = Array(text[(end + 1)...])
    text.removeSubrange(end...)
    return text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { LogText.clean($0) }
  }

  /// It was rotated: the name is another file's now.
  private mutating func isReplaced() throws(Errno) -> Bool {
    let opened: OwnedFD
    do throws(Errno) { opened = try OwnedFD.reading(path) } catch {
      if error == .noEntry { return false }
      throw error
    }
    let other = try opened.status().inode
    if other == inode { return false }
    inode = other
    file = opened
    return true
  }

  /// It was cut, at its front or as a whole.
  private mutating func findPlace(_ size: Int) throws(Errno) {
    let first = max(0, size - (1 << 20))
    let bytes = try file.read(size - first, at: first)
    offset = 0
    guard !recent.isEmpty, bytes.count >= recent.count else { return }
    for start in stride(from: bytes.count - recent.count, through: 0, by: -1)
    where bytes[start] == recent[0] && bytes[start...].starts(with: recent) {
      offset = first + start + recent.count
      return
    }
    // None of it is left: all that is there is new.
    torn = []
  }
}
