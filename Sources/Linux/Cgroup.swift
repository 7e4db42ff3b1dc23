import CLinux
import Glibc

/// A cgroup v2 of one service: born in, counted, killed as one (Documentation/admin-guide/cgroup-v2.rst).
public struct Cgroup: ~Copyable {
  public let path: String
  /// For clone3's CLONE_INTO_CGROUP.
  public let directory: OwnedFD
  /// Readable with priority whenever `populated` may have changed.
  public let events: OwnedFD

  /// Our own cgroup's directory, wherever cgroup v2 is mounted; nil where it isn't, or can't be written.
  public static func own() -> String? {
    guard let groups = ProcessFiles.contents(of: "/proc/self/cgroup"),
      let mounts = ProcessFiles.contents(of: "/proc/self/mountinfo")
    else { return nil }
    guard let path = directory(groups: groups, mounts: mounts) else { return nil }
    return unsafe access(path + "/cgroup.procs", W_OK) == 0 && access(path, W_OK) == 0 ? path : nil
  }

  /// The directory of the v2 cgroup that `groups` (/proc/self/cgroup) names, below the mount that `mounts`
  /// (/proc/self/mountinfo, proc(5)) shows it under.
  static func directory(groups: String, mounts: String) -> String? {
    guard let line = groups.split(separator: "\n").first(where: { $0.hasPrefix("0::") }) else { return nil }
    let group = String(line.dropFirst(3))
    for mount in mounts.split(separator: "\n") {
      let halves = mount.split(separator: " - ", maxSplits: 1)
      guard halves.count == 2, halves[1].hasPrefix("cgroup2 ") else { continue }
      let fields = halves[0].split(separator: " ")
      guard fields.count >= 5 else { continue }
      let root = unescaped(fields[3])
      let point = unescaped(fields[4])
      // A mount of a subtree shows only what lies below its root.
      if root == "/" { return group == "/" ? point : point + group }
      if group == root { return point }
      if group.hasPrefix(root + "/") { return point + group.dropFirst(root.count) }
    }
    return nil
  }

  /// Spaces and the like are octal in mountinfo: "\040".
  private static func unescaped(_ field: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = Array(field.utf8)[...]
    while let byte = rest.popFirst() {
      let digits = rest.prefix(3)
      if byte == UInt8(ascii: "\\"), digits.count == 3, digits.allSatisfy({ (48...55).contains($0) }) {
        bytes.append(digits.reduce(0) { $0 &* 8 &+ ($1 - 48) })
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Makes a cgroup named `name` below `parent`.
  public init(named name: String, in parent: String) throws(Errno) {
    let path = parent + "/" + name
    _ = try call { unsafe mkdir(path, 0o755) }
    let numbers = unsafe (cl_open_directory(path), cl_open_reading(path + "/cgroup.events"))
    guard numbers.0 >= 0, numbers.1 >= 0 else {
      for number in [numbers.0, numbers.1] where number >= 0 { _ = close(number) }
      _ = unsafe rmdir(path)
      throw Errno(-min(numbers.0, numbers.1))
    }
    let directory = try OwnedFD(owning: numbers.0).kept()
    let events = try OwnedFD(owning: numbers.1).kept()
    self.path = path
    self.directory = directory
    self.events = events
  }

  deinit {
    for path in below.reversed() { _ = unsafe rmdir(path) }
    _ = unsafe rmdir(path)
  }

  public var isPopulated: Bool { hasEvent("populated 1") }

  private func hasEvent(_ line: String) -> Bool {
    guard let text = ProcessFiles.contents(of: path + "/cgroup.events") else { return false }
    return text.split(separator: "\n").contains { $0 == line }
  }

  /// Those in cgroups below it included.
  public var processes: [Int32] {
    ([path] + below).flatMap { path in
      (ProcessFiles.contents(of: path + "/cgroup.procs") ?? "").split(separator: "\n").compactMap { Int32($0) }
    }
  }

  /// Cgroups below it, which its processes have made for some of them, as a container engine does: each after its parent. Of more
  /// than `belowMax` some are missing.
  var below: [String] {
    guard let stat = ProcessFiles.contents(of: path + "/cgroup.stat"), !stat.hasPrefix("nr_descendants 0\n") else {
      return []
    }
    var found: [String] = []
    var open = [path]
    while let parent = open.popLast(), found.count < Self.belowMax {
      let children = ProcessFiles.names(in: parent).map { parent + "/" + $0 }
        .filter { ProcessFiles.exists($0 + "/cgroup.procs") }
      found += children
      open += children
    }
    return found
  }

  public static let belowMax = 4096

  /// SIGKILL to all, those that are just being forked included (cgroup.kill, Linux 5.14). Returns whether that was possible.
  public func kill() -> Bool {
    let number = unsafe open(path + "/cgroup.kill", O_WRONLY | O_CLOEXEC)
    guard number >= 0 else { return false }
    let file = OwnedFD(owning: number)
    return (try? file.write(Array("1\n".utf8))) != nil
  }

  public var canFreeze: Bool { unsafe access(path + "/cgroup.freeze", W_OK) == 0 }

  /// Stops every process where it is, or lets them go on (cgroup.freeze, Linux 5.2). It takes a moment, longer for one that is
  /// in the middle of slow I/O: `events` tells, and `isFrozen`.
  public func setFrozen(_ isFrozen: Bool) throws(Errno) {
    let path = path + "/cgroup.freeze"
    let file = OwnedFD(owning: try call { unsafe open(path, O_WRONLY | O_CLOEXEC) })
    _ = try file.write(Array(isFrozen ? "1\n".utf8 : "0\n".utf8))
  }

  /// Every process is stopped. (None is: nothing is frozen.)
  public var isFrozen: Bool { hasEvent("frozen 1") }

  /// Told to be frozen, be it done or not yet.
  public var isToFreeze: Bool { ProcessFiles.contents(of: path + "/cgroup.freeze") == "1\n" }

  /// Takes note of the present state, so that `events` is readable at the next change (kernfs_notify, poll(2)).
  public func acknowledge() {
    var buffer = [UInt8](repeating: 0, count: 256)
    let number = events.number
    _ = unsafe pread(number, &buffer, buffer.count, 0)
  }
}
