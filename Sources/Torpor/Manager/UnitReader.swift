import Glibc
import Linux
import Units

/// Reads unit files from the directories of a manager.
public struct UnitReader {
  private let directories: [String]
  private let isStrict: Bool
  private let specifiers: Specifiers

  public init(_ settings: ManagerSettings) {
    directories = settings.unitPath
    isStrict = settings.isStrict
    specifiers = MachineSpecifiers.make(isSystem: settings.isSystem)
  }

  public func readAll() -> UnitSet {
    UnitLoader(
      files: DiskFiles(), directories: directories, specifiers: specifiers, isStrict: isStrict, keepsNotes: false
    ).loadAll()
  }
}

/// What `%` and a letter mean on this machine.
enum MachineSpecifiers {
  static func make(isSystem: Bool) -> Specifiers {
    var specifiers = Specifiers.system
    var name = utsname()
    if unsafe uname(&name) == 0 {
      specifiers["v"] = text(name.release)
      specifiers["a"] = text(name.machine).replacing("_", with: "-")
      let host = text(name.nodename)
      specifiers["H"] = host
      specifiers["l"] = String(host.prefix { $0 != "." })
    }
    specifiers["m"] = line("/etc/machine-id")
    specifiers["b"] = line("/proc/sys/kernel/random/boot_id")?.replacing("-", with: "")
    guard !isSystem else { return specifiers }
    // Who has no entry in the database, as in many containers, is known by number.
    let (user, group) = ("\(Account.effectiveUser)", "\(Account.effectiveGroup)")
    let account = Account(named: user)
    specifiers["u"] = account?.name ?? user
    specifiers["U"] = user
    specifiers["g"] = Account.groupName(Account.effectiveGroup) ?? group
    specifiers["G"] = group
    // The environment's word comes first (get_home_dir() of systemd).
    specifiers["h"] = path("HOME") ?? account?.home
    specifiers["s"] = path("SHELL") ?? account?.shell
    if let roots = DirectoryRoots.user(variable: Launcher.variable) {
      specifiers["t"] = roots.runtime
      specifiers["S"] = roots.state
      specifiers["C"] = roots.cache
      specifiers["L"] = roots.logs
      specifiers["E"] = roots.configuration
    }
    return specifiers
  }

  private static func path(_ variable: String) -> String? {
    Launcher.variable(variable).flatMap { $0.hasPrefix("/") ? $0 : nil }
  }

  private static func line(_ path: String) -> String? {
    ProcessFiles.contents(of: path).map { String($0.prefix { $0 != "\n" }) }
  }

  /// A field of utsname: characters up to a NUL.
  private static func text<Field: BitwiseCopyable>(_ field: Field) -> String {
    unsafe withUnsafeBytes(of: field) { bytes in
      unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
  }
}

/// Unit files of the file system.
public struct DiskFiles: UnitFiles {
  /// No unit is longer.
  static let bytesMax = 1 << 20

  public init() {}

  public func list(_ directory: String) throws(UnreadableDirectory) -> [String]? {
    guard let stream = unsafe opendir(directory) else {
      let error = Errno(errno)
      if error == .noEntry || error == Errno(ENOTDIR) { return nil }
      throw UnreadableDirectory("\(error)")
    }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while true {
      // The end and a failure look the same but for this.
      errno = 0
      guard let entry = unsafe readdir(stream) else {
        if errno != 0 { throw UnreadableDirectory("\(Errno(errno))") }
        break
      }
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  public func read(_ path: String) -> UnitFileContents {
    if let alias = alias(path) { return alias }
    let number = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard number >= 0 else { return errno == ENOENT ? .missing : .unreadable(Errno(errno).description) }
    let file = OwnedFD(owning: number)
    var status = stat()
    guard unsafe fstat(number, &status) == 0 else { return .unreadable(Errno(errno).description) }
    guard status.st_mode & S_IFMT == S_IFREG else { return .unreadable("it is no regular file") }
    guard status.st_size <= Self.bytesMax else { return .unreadable("it is longer than 1 MiB") }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size) + 1)
    var count = 0
    do throws(Errno) {
      // Bounded by the buffer.
      while count < bytes.count {
        var rest = Array(bytes[count...])
        let read = try file.read(into: &rest)
        if read == 0 { break }
        bytes.replaceSubrange(count..<(count + read), with: rest.prefix(read))
        count += read
      }
    } catch { return .unreadable(error.description) }
    return count == 0 ? .masked : .bytes(Array(bytes.prefix(count)))
  }

  /// A link to /dev/null masks; one to a unit of another name is that unit's second name. All others are followed.
  private func alias(_ path: String) -> UnitFileContents? {
    var buffer = [CChar](repeating: 0, count: 4096)
    let length = unsafe readlink(path, &buffer, buffer.count - 1)
    guard length > 0 else { return nil }
    let target = String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    if target == "/dev/null" { return .masked }
    func base(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
    guard let own = UnitName(base(path)), let other = UnitName(base(target)), own != other else { return nil }
    // An instance's link to its template is a unit of its own.
    return own.template == other ? nil : .alias(of: other.description)
  }
}
