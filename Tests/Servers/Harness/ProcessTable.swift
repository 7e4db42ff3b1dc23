import Foundation

/// A process that can't be mistaken for a later one with the same number.
struct ProcessIdentity: Hashable, Sendable {
  let pid: pid_t
  /// In clock ticks since boot; proc_pid_stat(5), field 22.
  let startTime: UInt64

  init?(_ pid: pid_t) {
    guard let fields = ProcessTable.statFields(pid), let start = UInt64(fields[19]) else { return nil }
    self.pid = pid
    self.startTime = start
  }

  /// A zombie that somebody else has yet to reap is not, nor is one that is on its way there: it has left its cgroup and closed its files
  /// before it is a zombie. One with a SIGKILL that it hasn't had a processor for yet does nothing any more.
  var isAlive: Bool {
    guard ProcessIdentity(pid) == self, let fields = ProcessTable.statFields(pid) else { return false }
    func has(_ bit: UInt64, _ index: Int) -> Bool { (UInt64(fields[index]) ?? 0) & bit != 0 }
    return fields[0] != "Z" && !has(ProcessIdentity.exiting, 6) && !has(ProcessIdentity.killed, 28)
  }

  /// PF_EXITING (include/linux/sched.h), of the flags in field 9.
  private static let exiting: UInt64 = 4
  /// Of the signals that are pending for its main thread, field 31.
  private static let killed: UInt64 = 1 << (9 - 1)
  func killIfAlive() { if isAlive { kill(pid, SIGKILL) } }
}

extension ChildProcess {
  /// Ends it and all below it for certain, the gentle way first.
  func endWithDescendants() {
    var below = Set(ProcessTable.descendants(of: pid))
    send(SIGTERM)
    if waitForExit(within: .seconds(3)) == nil { below.formUnion(ProcessTable.descendants(of: pid)) }
    killAndWait()
    for process in below { process.killIfAlive() }
  }
}

/// What /proc says.
enum ProcessTable {
  /// No process has this number, not even an unreaped one.
  static func isGone(_ pid: pid_t) -> Bool { kill(pid, 0) != 0 && errno == ESRCH }

  /// Of proc_pid_stat(5), those after the name: the state first, the parent second.
  static func statFields(_ pid: pid_t) -> [Substring]? {
    guard let stat = contents(of: "/proc/\(pid)/stat"), let nameEnd = stat.lastIndex(of: ")") else { return nil }
    let fields = stat[stat.index(after: nameEnd)...].split(separator: " ")
    return fields.count > 28 ? fields : nil
  }

  static func descendants(of ancestor: pid_t) -> [ProcessIdentity] {
    var children: [pid_t: [pid_t]] = [:]
    for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
      guard let pid = pid_t(name), let fields = statFields(pid), let parent = pid_t(fields[1]) else { continue }
      children[parent, default: []].append(pid)
    }
    var found: [pid_t] = []
    var pending = children[ancestor] ?? []
    while let pid = pending.popLast() {
      found.append(pid)
      pending += children[pid] ?? []
    }
    return found.compactMap { ProcessIdentity($0) }
  }

  /// The file that it runs; nil: it has ended, or we may not see it.
  static func program(_ pid: pid_t) -> String? {
    try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/exe")
  }

  static func name(_ pid: pid_t) -> String? {
    contents(of: "/proc/\(pid)/comm")?.trimmingCharacters(in: .newlines)
  }

  /// A line of proc_pid_status(5), e.g. "SigBlk".
  static func status(_ pid: pid_t, _ key: String) -> String? {
    let prefix = key + ":"
    return contents(of: "/proc/\(pid)/status")?.split(separator: "\n").first { $0.hasPrefix(prefix) }?
      .dropFirst(prefix.count).trimmingCharacters(in: .whitespaces)
  }

  static func environment(_ pid: pid_t) -> [String: String] {
    let pairs = (contents(of: "/proc/\(pid)/environ") ?? "").split(separator: "\0").map {
      $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    }
    return Dictionary(pairs.filter { $0.count == 2 }.map { (String($0[0]), String($0[1])) }) { first, _ in first }
  }

  /// What each descriptor is, as readlink(2) tells: "socket:[1234]", a path, …
  static func descriptors(_ pid: pid_t) -> [Int32: String] {
    let folder = "/proc/\(pid)/fd"
    var result: [Int32: String] = [:]
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
      guard let number = Int32(name) else { continue }
      result[number] = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(name)")
    }
    return result
  }

  /// The flags of proc_pid_fdinfo(5): O_NONBLOCK of the open file, O_CLOEXEC of the descriptor.
  static func descriptorFlags(_ pid: pid_t, _ descriptor: Int32) -> Int32? {
    let line = contents(of: "/proc/\(pid)/fdinfo/\(descriptor)")?.split(separator: "\n").first {
      $0.hasPrefix("flags:")
    }
    return line.flatMap { Int32($0.dropFirst("flags:".count).trimmingCharacters(in: .whitespaces), radix: 8) }
  }

  /// Its timerfds that are set (proc_pid_fdinfo(5)).
  static func armedTimers(_ pid: pid_t) -> [Int32] {
    descriptors(pid).filter { $0.value == "anon_inode:[timerfd]" }.keys.filter { number in
      contents(of: "/proc/\(pid)/fdinfo/\(number)")?.contains("it_value: (0, 0)") == false
    }
  }

  static func contextSwitches(_ pid: pid_t) -> [String] {
    [status(pid, "voluntary_ctxt_switches"), status(pid, "nonvoluntary_ctxt_switches")].compactMap { $0 }
  }

  static func contents(of path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16384)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      guard count >= 0 else { return nil }
      if count == 0 { return String(decoding: bytes, as: UTF8.self) }
      bytes.append(contentsOf: buffer[..<count])
    }
  }
}
