import Foundation

/// What this machine has, for the conditions under which a test is skipped.
enum Machine {
  static let isRoot = geteuid() == 0

  /// A value for the long rounds, else the short ones' default.
  static func number(_ variable: String, default value: Int) -> Int {
    ProcessInfo.processInfo.environment[variable].flatMap { Int($0) } ?? value
  }

  /// Where a program is, by PATH and then the administrator's directories.
  static func find(_ program: String) -> String? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    let folders = path.split(separator: ":").map(String.init) + ["/usr/sbin", "/usr/local/sbin", "/sbin"]
    return folders.map { "\($0)/\(program)" }.first { access($0, X_OK) == 0 }
  }

  /// Servers that `.ci/install-servers` keeps here, as the distribution has no package of them.
  static let serversDirectory = projectDirectory + "/.build/servers"
  static let projectDirectory = (0..<4).reduce(#filePath) { path, _ in (path as NSString).deletingLastPathComponent }

  static let canBecomeNobody = isRoot && find("setpriv") != nil
  /// `torpor run` can have a cgroup below its own.
  static let canFreeze: Bool = {
    guard let groups = ProcessTable.contents(of: "/proc/self/cgroup"),
      let mounts = ProcessTable.contents(of: "/proc/self/mountinfo"),
      let group = groups.split(separator: "\n").first(where: { $0.hasPrefix("0::") })?.dropFirst(3),
      let mount = mounts.split(separator: "\n").first(where: { $0.contains(" - cgroup2 ") })
    else { return false }
    let path = mount.split(separator: " ")[4] + (group == "/" ? "" : group) + "/torpor-tests-\(getpid())"
    guard mkdir(String(path), 0o755) == 0 else { return false }
    defer { rmdir(String(path)) }
    return access(path + "/cgroup.freeze", W_OK) == 0
  }()
  /// The words before a command that is to see no cgroup v2, as in many containers.
  static let withoutCgroup = [
    find("unshare") ?? "unshare", "--mount", "--", "sh", "-c", "umount --lazy --all --types cgroup2 && exec \"$@\"",
    "sh",
  ]
  static let canHideCgroups = (try? Tool.run(withoutCgroup + ["true"])) != nil
  static let canTrace = find("strace") != nil
  static let hasIPv6 = ProcessTable.contents(of: "/proc/net/if_inet6")?.contains("0000000000000001 ") == true

  /// The words before a command that is to run as nobody.
  static let asNobody =
    isRoot ? [find("setpriv") ?? "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"] : []
}
