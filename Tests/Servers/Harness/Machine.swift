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
  static let canTrace = find("strace") != nil
  static let hasIPv6 = ProcessTable.contents(of: "/proc/net/if_inet6")?.contains("0000000000000001 ") == true

  /// The words before a command that is to run as nobody.
  static let asNobody =
    isRoot ? [find("setpriv") ?? "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"] : []
}
