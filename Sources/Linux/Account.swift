import Glibc

/// A user as the system's account database knows them.
public struct Account: Equatable, Sendable {
  public let name: String
  public let user: UInt32
  public let group: UInt32
  public let home: String
  public let shell: String
  /// Every group of theirs, the primary one included.
  public let groups: [UInt32]

  /// By name or number; nil when there is none.
  public init?(named text: String) {
    let found: UnsafeMutablePointer<passwd>?
    if let number = UInt32(text) {
      unsafe found = unsafe getpwuid(number)
    } else {
      unsafe found = unsafe getpwnam(text)
    }
    guard let record = unsafe found?.pointee else { return nil }
    name = unsafe String(cString: record.pw_name)
    user = unsafe record.pw_uid
    group = unsafe record.pw_gid
    home = unsafe String(cString: record.pw_dir)
    shell = unsafe String(cString: record.pw_shell)
    var count: Int32 = 64
    var groups = [gid_t](repeating: 0, count: Int(count))
    if unsafe getgrouplist(name, group, &groups, &count) < 0 {
      groups = [gid_t](repeating: 0, count: Int(max(count, 1)))
      guard unsafe getgrouplist(name, group, &groups, &count) >= 0 else { return nil }
    }
    self.groups = Array(groups.prefix(Int(count)))
  }

  /// A group by name or number; nil when there is none of that name.
  public static func group(named text: String) -> UInt32? {
    if let number = UInt32(text) { return number }
    return unsafe getgrnam(text).map { unsafe $0.pointee.gr_gid }
  }

  /// nil: it has none.
  public static func groupName(_ number: UInt32) -> String? {
    unsafe getgrgid(number).map { unsafe String(cString: $0.pointee.gr_name) }
  }

  public static var effectiveUser: UInt32 { geteuid() }
  public static var effectiveGroup: UInt32 { getegid() }
}
