import Glibc
import Linux
import Units

/// Whether conditions of units are met, here and now (systemd.unit(5), "Conditions and Asserts").
enum ConditionCheck {
  /// Why not; nil: they are. Each that has no mark has to be met, and of those with one any.
  static func unmet(_ conditions: [Condition]) -> String? {
    unmet(conditions, areAssertions: true) ?? unmet(conditions, areAssertions: false)
  }

  private static func unmet(_ conditions: [Condition], areAssertions: Bool) -> String? {
    let conditions = conditions.filter { $0.isAssertion == areAssertions }
    if let unmet = conditions.first(where: { !$0.isTriggering && !isMet($0) }) { return "\(unmet) is not so" }
    let triggering = conditions.filter(\.isTriggering)
    guard !triggering.isEmpty, !triggering.contains(where: isMet) else { return nil }
    return "none of \(triggering.map(\.description).joined(separator: ", ")) is so"
  }

  static func isMet(_ condition: Condition) -> Bool { holds(condition) != condition.isNegated }

  private static func holds(_ condition: Condition) -> Bool {
    let text = condition.parameter
    switch condition.kind {
    case .pathExists: return exists(text)
    case .pathExistsGlob: return RegularFile.matching(text).contains { exists($0) }
    case .pathIsDirectory: return mode(text).map { $0 & S_IFMT == S_IFDIR } ?? false
    case .pathIsSymbolicLink: return mode(text, follows: false).map { $0 & S_IFMT == S_IFLNK } ?? false
    case .pathIsMountPoint: return isMountPoint(text)
    case .pathIsReadWrite: return isReadWrite(text)
    case .directoryNotEmpty: return ((try? DiskFiles().list(text)) ?? []).isEmpty == false
    case .fileNotEmpty: return isFile(text) { $0.st_size > 0 }
    case .fileIsExecutable: return isFile(text) { $0.st_mode & 0o111 != 0 }
    case .user: return isOurUser(text)
    case .group: return isOurGroup(text)
    case .host: return isThisHost(text)
    case .architecture: return text == "native" || text == architecture
    case .virtualization: return Virtualization.here.matches(text)
    case .kernelCommandLine:
      return isAssigned(text, in: words(ProcessFiles.contents(of: "/proc/cmdline") ?? ""), mayHaveValue: true)
    case .environment:
      let name = text.split(separator: "=", maxSplits: 1).first.map(String.init) ?? text
      guard let value = Launcher.variable(name) else { return false }
      return !text.contains("=") || text == "\(name)=\(value)"
    case .firstBoot:
      return exists("/run/systemd/first-boot") == ["1", "yes", "y", "true", "t", "on"].contains(text.lowercased())
    }
  }

  // MARK: files

  private static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

  private static func status(_ path: String, follows: Bool = true) -> stat? {
    var status = stat()
    let result = unsafe follows ? stat(path, &status) : lstat(path, &status)
    return result == 0 ? status : nil
  }

  private static func mode(_ path: String, follows: Bool = true) -> mode_t? { status(path, follows: follows)?.st_mode }

  private static func isFile(_ path: String, _ predicate: (stat) -> Bool) -> Bool {
    guard let status = status(path), status.st_mode & S_IFMT == S_IFREG else { return false }
    return predicate(status)
  }

  /// systemd takes one that isn't there for one that can be written to.
  private static func isReadWrite(_ path: String) -> Bool {
    var status = statvfs()
    guard unsafe statvfs(path, &status) == 0 else { return true }
    return status.f_flag & UInt(ST_RDONLY) == 0
  }

  /// The fifth field of each line is where it is mounted, with spaces as "\040" (proc_pid_mountinfo(5)).
  private static func isMountPoint(_ path: String) -> Bool {
    if path == "/" { return true }
    let escaped = path.replacing("\\", with: "\\134").replacing(" ", with: "\\040").replacing("\t", with: "\\011")
    return (ProcessFiles.contents(of: "/proc/self/mountinfo") ?? "").split(separator: "\n").contains { line in
      let fields = line.split(separator: " ", maxSplits: 5)
      return fields.count > 4 && fields[4] == escaped
    }
  }

  // MARK: who and where

  private static func isOurUser(_ text: String) -> Bool {
    // SYS_UID_MAX of login.defs(5), as nearly all have it.
    if text == "@system" { return getuid() < 1000 }
    return Account(named: text)?.user == getuid()
  }

  private static func isOurGroup(_ text: String) -> Bool {
    if text == "@system" { return getgid() < 1000 }
    guard let group = Account.group(named: text) else { return false }
    if group == getgid() || group == getegid() { return true }
    var groups = [gid_t](repeating: 0, count: 65536)
    let count = unsafe getgroups(Int32(groups.count), &groups)
    return count > 0 && groups.prefix(Int(count)).contains(group)
  }

  private static func isThisHost(_ text: String) -> Bool {
    let specifiers = MachineSpecifiers.make(isSystem: true)
    if let machine = specifiers["m"], text.lowercased().filter({ $0 != "-" }) == machine { return true }
    guard let host = specifiers["H"] else { return false }
    return unsafe fnmatch(text.lowercased(), host.lowercased(), 0) == 0
  }

  /// By systemd's names.
  private static var architecture: String {
    switch MachineSpecifiers.make(isSystem: true)["a"] ?? "" {
    case "aarch64": "arm64"
    case "i386", "i486", "i586", "i686": "x86"
    case let name: name
    }
  }

  private static func words(_ text: String) -> [Substring] { text.split { $0.isWhitespace } }

  private static func isAssigned(_ text: String, in words: [Substring], mayHaveValue: Bool) -> Bool {
    words.contains { $0 == text || !text.contains("=") && $0.hasPrefix(text + "=") }
  }
}

/// What kind of machine this is, as far as files tell.
struct Virtualization {
  let container: String?
  let machine: String?

  static var here: Virtualization { Virtualization(container: containerName, machine: machineName) }

  func matches(_ text: String) -> Bool {
    switch text.lowercased() {
    case "vm": container == nil && machine != nil
    case "container": container != nil
    case "1", "yes", "y", "true", "t", "on": container != nil || machine != nil
    case "0", "no", "n", "false", "f", "off": container == nil && machine == nil
    // A container in a virtual machine is a container.
    case let name: name == (container ?? machine)
    }
  }

  private static var containerName: String? {
    if let name = ProcessFiles.contents(of: "/run/systemd/container")?.split(separator: "\n").first {
      return String(name)
    }
    let variables = ProcessFiles.contents(of: "/proc/1/environ")?.split(separator: "\0") ?? []
    if let variable = variables.first(where: { $0.hasPrefix("container=") }), variable.count > 10 {
      return String(variable.dropFirst(10))
    }
    if unsafe access("/run/.containerenv", F_OK) == 0 { return "podman" }
    return unsafe access("/.dockerenv", F_OK) == 0 ? "docker" : nil
  }

  private static let vendors = [
    ("KVM", "kvm"), ("OpenStack", "kvm"), ("Amazon EC2", "amazon"), ("QEMU", "qemu"), ("VMware", "vmware"),
    ("VMW", "vmware"),
    ("innotek GmbH", "oracle"), ("VirtualBox", "oracle"), ("Xen", "xen"), ("Bochs", "bochs"),
    ("Parallels", "parallels"),
    ("BHYVE", "bhyve"), ("Hyper-V", "microsoft"), ("Apple Virtualization", "apple"),
    ("Google Compute Engine", "google"),
  ]

  private static var machineName: String? {
    let texts = ["product_name", "sys_vendor", "board_vendor", "bios_vendor", "product_version"].compactMap {
      ProcessFiles.contents(of: "/sys/class/dmi/id/\($0)")
    }
    for text in texts {
      if let vendor = vendors.first(where: { text.hasPrefix($0.0) }) { return vendor.1 }
    }
    let processor = ProcessFiles.contents(of: "/proc/cpuinfo", limit: 65536) ?? ""
    return processor.split(separator: "\n").contains { $0.hasPrefix("flags") && $0.contains(" hypervisor") }
      ? "vm-other" : nil
  }
}
