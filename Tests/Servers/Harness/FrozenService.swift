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

  static func run(
    _ server: RealServer, idle: String = "300ms", options: [String] = [], serverOptions: [String] = [],
    _ body: (TorporProcess, Endpoint) throws -> Void
  ) throws {
    let directory = try TemporaryDirectory()
    directory.makeWorldWritable()
    let endpoint = Endpoint.v4(try freePort())
    let command = try server.command(port: endpoint.port, in: directory) + serverOptions
    let arguments = ["-l", "\(endpoint)", "--idle", idle, "--rest", "freeze"] + options + ["--"] + command
    try TorporProcess.run(arguments) { try body($0, endpoint) }
  }

  /// Clients that have been served, and stay.
  static func pool(of count: Int, _ endpoint: Endpoint) throws -> [Client] {
    try (0..<count).map { _ in
      let client = try Client(connectingTo: endpoint)
      try client.ask(.ping)
      return client
    }
  }

  /// A cgroup that belongs to nobody, as systemd delegates one to a user's manager; words that put a command into it.
  static func withDelegatedCgroup(_ body: ([String]) throws -> Void) throws {
    let parent = try #require(cgroup(of: getpid()))
    let path = (parent.hasSuffix("/") ? parent : parent + "/") + "torpor-delegated-\(getpid())"
    try #require(mkdir(path, 0o755) == 0)
    defer {
      let deadline = Deadline(after: .seconds(5))
      while rmdir(path) != 0, errno == EBUSY, !deadline.hasPassed { usleep(10_000) }
    }
    for file in ["", "/cgroup.procs", "/cgroup.threads", "/cgroup.subtree_control"] {
      try #require(chown(path + file, 65534, 65534) == 0)
    }
    try body(["sh", "-c", "echo $$ > \(path)/cgroup.procs && exec \"$@\"", "sh"] + Machine.asNobody)
  }
}
