import Glibc
import Linux

/// A log file, read from its end, and on as it grows, is cut or replaced.
struct LogReader: ~Copyable {
  private let path: String
  private var file: OwnedFD
  private var offset: Int64 = 0
  /// The last that was shown: where to go on, when the front of the file has been taken out.
  private var shown: [UInt8] = []

  private static let chunkBytes = 64 << 10
  private static let shownBytesMax = 256
  /// How far back the place is looked for.
  private static let searchBytesMax: Int64 = 1 << 20

  init(_ path: String) throws(Errno) {
    self.path = path
    file = try Self.open(path)
  }

  private static func open(_ path: String) throws(Errno) -> OwnedFD {
    let number = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard number >= 0 else { throw Errno(errno) }
    return OwnedFD(owning: number)
  }

  private func size() throws(Errno) -> Int64 {
    var status = stat()
    guard unsafe fstat(file.number, &status) == 0 else { throw Errno(errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .invalid }
    return Int64(status.st_size)
  }

  private func bytes(at start: Int64, count: Int) throws(Errno) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: count)
    let read = unsafe pread(file.number, &buffer, count, off_t(start))
    guard read >= 0 else { throw Errno(errno) }
    return Array(buffer.prefix(read))
  }

  // MARK: the end

  /// The last lines, an unfinished one included.
  mutating func readLast(_ count: Int, _ body: ([UInt8]) -> Void) throws(Errno) {
    let end = try size()
    guard count > 0 else { return offset = end }
    var start = end
    var newlines = 0
    // The newline at the very end ends a line, and begins none.
    search: while start > 0 {
      let from = max(0, start - Int64(Self.chunkBytes))
      let chunk = try bytes(at: from, count: Int(start - from))
      for index in chunk.indices.reversed() where chunk[index] == UInt8(ascii: "\n") {
        if from + Int64(index) == end - 1 { continue }
        newlines += 1
        if newlines == count {
          start = from + Int64(index) + 1
          break search
        }
      }
      start = from
    }
    // Where the file system couldn't move what was kept to the front, there is a hole instead.
    offset = max(start, Int64(lseek(file.number, off_t(start), Self.nextData)))
    try readOn(body)
  }

  /// SEEK_DATA.
  private static let nextData: Int32 = 3

  /// All that has come since.
  private mutating func readOn(_ body: ([UInt8]) -> Void) throws(Errno) {
    while true {
      let chunk = try bytes(at: offset, count: Self.chunkBytes)
      if chunk.isEmpty { return }
      offset += Int64(chunk.count)
      shown = Array((shown + chunk).suffix(Self.shownBytesMax))
      body(chunk)
    }
  }

  // MARK: what comes

  /// Goes on for ever. The directory is watched, as the file may be replaced, and the file, as it grows.
  mutating func follow(_ body: ([UInt8]) -> Void) throws(Errno) {
    let number = inotify_init1(Int32(IN_CLOEXEC))
    guard number >= 0 else { throw Errno(errno) }
    let events = OwnedFD(owning: number)
    let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    let mask = UInt32(IN_MODIFY) | UInt32(IN_CREATE) | UInt32(IN_MOVED_TO)
    guard unsafe inotify_add_watch(events.number, directory, mask) >= 0 else { throw Errno(errno) }
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      // Looked at before waiting: what came before the watch did counts, too.
      try readWhatCame(body)
      _ = try events.read(into: &buffer)
    }
  }

  private mutating func readWhatCame(_ body: ([UInt8]) -> Void) throws(Errno) {
    if try size() < offset { offset = try placeAfterCut() }
    try readOn(body)
    // Replaced: what the old one got last has been read just now.
    var (own, named) = (stat(), stat())
    guard unsafe stat(path, &named) == 0, unsafe fstat(file.number, &own) == 0,
      own.st_ino != named.st_ino || own.st_dev != named.st_dev
    else { return }
    file = try Self.open(path)
    offset = 0
    try readOn(body)
  }

  /// Its front was taken out: we go on after what was shown last; if that is gone, too, with all that is left.
  private func placeAfterCut() throws(Errno) -> Int64 {
    let end = try size()
    let start = max(0, end - Self.searchBytesMax)
    let rest = try bytes(at: start, count: Int(end - start))
    guard !shown.isEmpty, rest.count >= shown.count else { return 0 }
    for index in stride(from: rest.count - shown.count, through: 0, by: -1)
    where rest[index] == shown[0] && rest[index..<(index + shown.count)].elementsEqual(shown) {
      return start + Int64(index + shown.count)
    }
    return start
  }
}

/// Makes what services write harmless to a terminal.
struct LogCleaner {
  let isOn: Bool

  /// Leaves lines, tabs and colours (ESC [ … m) as they are.
  func clean(_ bytes: [UInt8]) -> [UInt8] {
    guard isOn else { return bytes }
    var cleaned: [UInt8] = []
    cleaned.reserveCapacity(bytes.count)
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      if byte == 0x1B, let end = endOfColour(bytes, from: index) {
        cleaned += bytes[index...end]
        index = end
      } else if byte < 0x20 && byte != 0x0A && byte != 0x09 || byte == 0x7F {
        cleaned += Array("\u{FFFD}".utf8)
      } else if byte == 0xC2, index + 1 < bytes.count, (0x80...0x9F).contains(bytes[index + 1]) {
        // C1 as UTF-8: 0x9B is what ESC [ is.
        cleaned += Array("\u{FFFD}".utf8)
        index += 1
      } else {
        cleaned.append(byte)
      }
      index += 1
    }
    return cleaned
  }

  private func endOfColour(_ bytes: [UInt8], from start: Int) -> Int? {
    guard start + 1 < bytes.count, bytes[start + 1] == UInt8(ascii: "[") else { return nil }
    for index in (start + 2)..<min(bytes.count, start + 34) {
      switch bytes[index] {
      case UInt8(ascii: "m"): return index
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: ";"), UInt8(ascii: ":"): continue
      default: return nil
      }
    }
    return nil
  }
}
