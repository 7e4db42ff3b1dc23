import Glibc

extension ProcessFiles {
  /// Processor time that a process has used, in nanoseconds: of all its threads, those that have ended, and children that it has
  /// waited for (proc_pid_stat(5), fields 14 to 17). It is told in clock ticks, of 10 ms as a rule.
  public static func processorTime(of pid: Int32) -> UInt64? {
    // The name before them is in parentheses, and may have any character in it.
    guard let text = contents(of: "/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else { return nil }
    let fields = text[text.index(after: end)...].split(separator: " ")
    guard fields.count > 14 else { return nil }
    let ticks = fields[11...14].reduce(UInt64(0)) { $0 &+ (UInt64($1) ?? 0) }
    return ticks &* (1_000_000_000 / UInt64(max(1, sysconf(Int32(_SC_CLK_TCK)))))
  }

  /// Bytes that a process has had read from and written to storage (proc_pid_io(5)). nil where we may not know.
  public static func storageBytes(of pid: Int32) -> UInt64? {
    guard let text = contents(of: "/proc/\(pid)/io") else { return nil }
    return storageBytes(io: text)
  }

  static func storageBytes(io text: String) -> UInt64? {
    var total: UInt64?
    for line in text.split(separator: "\n") where line.hasPrefix("read_bytes:") || line.hasPrefix("write_bytes:") {
      guard let number = line.split(separator: " ").last.flatMap({ UInt64($0) }) else { return nil }
      total = (total ?? 0) &+ number
    }
    return total
  }

  /// A thread that is on a processor or waits for one, or that waits for storage.
  public struct WorkingThread: Equatable, Sendable {
    public let process: Int32
    public let thread: Int32
    public let isWaitingForStorage: Bool
  }

  /// The first such thread of a process; at most `limit` of its threads are looked at, and `limit` is counted down.
  public static func workingThread(of pid: Int32, limit: inout Int) -> WorkingThread? {
    for name in names(in: "/proc/\(pid)/task", limit: limit) {
      limit -= 1
      guard let thread = Int32(name), let text = contents(of: "/proc/\(pid)/task/\(name)/stat"),
        let state = threadState(stat: text)
      else { continue }
      switch state {
      case "R": return WorkingThread(process: pid, thread: thread, isWaitingForStorage: false)
      case "D": return WorkingThread(process: pid, thread: thread, isWaitingForStorage: true)
      default: continue
      }
    }
    return nil
  }

  /// As in proc_pid_stat(5), "Z" of one that has ended and isn't reaped yet. nil: it isn't there, or can't be seen.
  public static func state(of pid: Int32) -> Character? {
    contents(of: "/proc/\(pid)/stat").flatMap(threadState(stat:))
  }

  static func threadState(stat text: String) -> Character? {
    guard let end = text.lastIndex(of: ")") else { return nil }
    return text[text.index(after: end)...].first { $0 != " " }
  }
}

extension Cgroup {
  /// Processor time used by all its processes, those that have ended and those in cgroups below included, in nanoseconds
  /// (cpu.stat, which is there without any controller).
  public var processorTime: UInt64? {
    guard let text = ProcessFiles.contents(of: path + "/cpu.stat") else { return nil }
    return Self.processorTime(stat: text)
  }

  static func processorTime(stat text: String) -> UInt64? {
    for line in text.split(separator: "\n") where line.hasPrefix("usage_usec ") {
      return UInt64(line.dropFirst(11)).map { $0 &* 1000 }
    }
    return nil
  }

  /// What the kernel's sockets know it by, and those below it: the inodes of their directories. Its own comes first.
  public var ids: [UInt64] {
    guard let own = try? directory.inode() else { return [] }
    return [own]
      + below.compactMap { path in
        var status = stat()
        return unsafe stat(path, &status) == 0 ? UInt64(status.st_ino) : nil
      }
  }
}
