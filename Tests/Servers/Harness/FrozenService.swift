import Foundation
import Testing

/// What the kernel says of a service that should sleep.
enum FrozenService {
  /// The directory of a process's cgroup v2; nil: it has none of its own.
  static func cgroup(of pid: pid_t) -> String? {
    guard let groups = ProcessTable.contents(of: "/proc/\(pid)/cgroup"),
      let mounts = ProcessTable.contents(of: "/proc/self/mountinfo"),
      let group = groups.split(separator: "\n").first(where: { $0.hasPrefix("0::") })?.dropFirst(3),
      let mount = mounts.split(separator: "\n").first(where: { $0.contains(" - cgroup2 ") })
    else { return nil }
    return String(mount.split(separator: " ")[4]) + group
  }

  static func isFrozen(_ pid: pid_t) -> Bool {
    guard let path = cgroup(of: pid) else { return false }
    return ProcessTable.contents(of: path + "/cgroup.events")?.contains("frozen 1") ?? false
  }

  /// redis has something to do ten times a second, and is let do it three times before it sleeps: who comes just then is served
  /// at once, and wakes nothing.
  static func awaitSleep(of pid: pid_t) throws {
    let deadline = Deadline(after: .seconds(5))
    var readings = 0
    while readings < 60 {
      try #require(!deadline.hasPassed, "it doesn't go on sleeping")
      readings = isFrozen(pid) ? readings + 1 : 0
      usleep(5000)
    }
  }
}
