import Glibc

/// net.ipv4.tcp_migrate_req: whether a closing listener's connections move to another of its SO_REUSEPORT group
/// (Linux 5.14, Documentation/networking/ip-sysctl.rst). It concerns the whole network namespace, and only such groups.
public enum MigrationSetting {
  static let path = "/proc/sys/net/ipv4/tcp_migrate_req"

  /// Turns it on where that is allowed. Returns whether it is on.
  public static func enable() -> Bool {
    if isEnabled { return true }
    let number = unsafe open(path, O_WRONLY | O_CLOEXEC)
    guard number >= 0 else { return false }
    let file = OwnedFD(owning: number)
    return (try? file.write(Array("1\n".utf8))) != nil && isEnabled
  }

  public static var isEnabled: Bool { ProcessFiles.contents(of: path)?.first == "1" }
}
