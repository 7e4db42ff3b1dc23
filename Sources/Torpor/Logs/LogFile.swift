import Linux

/// A service's output, in `NAME.log` of the log directory. It writes there by itself: what it says doesn't come by us.
///
/// What it may grow to can't be held against a service that runs, so it is seen to when there is occasion to look: at a start
/// a file that is larger than `sizeMax` becomes `NAME.log.1`; while the service runs, one that has grown to twice that
/// is cut to its newest `sizeMax` bytes (`LogTrimmer`). No line between the oldest and the newest that are there is missing.
public struct LogFile {
  public static let sizeMaxDefault = 10 << 20

  let directory: LogDirectory
  let unit: String
  let sizeMax: Int

  public init(_ unit: String, in directory: LogDirectory, sizeMax: Int = sizeMaxDefault) {
    self.unit = unit
    self.directory = directory
    // Less could not be cut by whole blocks.
    self.sizeMax = max(sizeMax, FileTrim.unitBytes)
  }

  var name: String { unit + ".log" }
  public var path: String { "\(directory.path)/\(name)" }
  var oldName: String { name + ".1" }

  /// Where a start's own lines begin.
  struct Mark: Equatable {
    let inode: UInt64
    let offset: Int
  }

  /// The file for one start.
  struct Opened: ~Copyable {
    /// Standard output and error of the service; nobody else needs it open.
    let descriptor: OwnedFD
    let mark: Mark
  }

  /// nil when it can't be had, which is told once.
  func open() -> Opened? {
    directory.use(for: name) { directory throws(Errno) in
      if let present = try directory.status(name), present.isOrdinary, present.keptBytes > sizeMax {
        try directory.rename(name, to: oldName)
      }
      let file = try directory.open(name, for: .appending)
      let status = try file.status()
      return Opened(descriptor: file, mark: Mark(inode: status.inode, offset: status.sizeBytes))
    }
  }

  /// The file and how much of its front is too much; nil when it isn't twice as large as it may be. One stat(2) when all is well.
  func excess() -> Excess? {
    let found: Excess?? = directory.use(for: name) { directory throws(Errno) in
      guard let present = try directory.status(name), present.isOrdinary, present.keptBytes > 2 * sizeMax else {
        return nil
      }
      let file = try directory.open(name, for: .appendingIfThere)
      return Excess(file: file, bytes: present.sizeBytes - sizeMax)
    }
    switch consume found {
    case .some(let excess): return excess
    case .none: return nil
    }
  }

  struct Excess: ~Copyable {
    let file: OwnedFD
    let bytes: Int
  }

  // MARK: reading

  /// Enough for 1,000 lines of 100 characters, and nothing to wait for.
  private static let tailBytesMax = 1 << 17
  private static let lastLineBytesMax = 4096

  /// The last lines, the oldest first; control characters are removed. Of very long ones there may be fewer.
  public func tail(lines count: Int) -> [String] {
    let lines = read(bytes: Self.tailBytesMax, from: nil, lines: count)
    return lines ?? []
  }

  /// The last line that was written since a start; nil if nothing was.
  func lastLine(since mark: Mark) -> String? { read(bytes: Self.lastLineBytesMax, from: mark, lines: 1)?.last }

  /// The last lines since a start, for the report on one that failed.
  func lastLines(_ count: Int, since mark: Mark) -> [String] {
    read(bytes: Self.lastLineBytesMax * 4, from: mark, lines: count) ?? []
  }

  private func read(bytes: Int, from mark: Mark?, lines count: Int) -> [String]? {
    directory.use(for: name) { directory throws(Errno) in
      guard try directory.status(name) != nil else { return [] }
      let file = try directory.open(name, for: .reading)
      let status = try file.status()
      var first = 0
      // Once cut, it is shorter than it was.
      if let mark, mark.inode == status.inode, mark.offset <= status.sizeBytes { first = mark.offset }
      let start = max(first, status.sizeBytes - bytes)
      let text = try file.read(status.sizeBytes - start, at: start)
      return LogText.lastLines(count, of: text, startsInside: start > first)
    }
  }
}

extension FileStatus {
  /// Holes count for nothing.
  var keptBytes: Int { min(sizeBytes, allocatedBytes) }
}
