import CLinux
import Glibc

/// What /proc says about processes. All of it may be gone a moment later: nil and empty mean just that.
public enum ProcessFiles {
  public static var ownProcess: Int32 { getpid() }

  /// A whole small file; nil when it can't be read. Files of /proc have no size to go by.
  public static func contents(of path: String, limit: Int = 1 << 20) -> String? {
    let number = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard number >= 0 else { return nil }
    let file = OwnedFD(owning: number)
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16384)
    while bytes.count < limit {
      guard let count = try? file.read(into: &buffer) else { return nil }
      if count == 0 { break }
      bytes.append(contentsOf: buffer[..<count])
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  public static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

  /// Whether it is where we may not look, so that it may be there.
  public static func isHidden(_ path: String) -> Bool { unsafe access(path, F_OK) != 0 && errno == EACCES }

  /// Whether we may know the descriptors of a process: not of one that is another user's, or has made itself undumpable.
  public static func showsDescriptors(of pid: Int32) -> Bool { unsafe access("/proc/\(pid)/fd", R_OK | X_OK) == 0 }

  /// Ourselves.
  public static var own: Int32 { getpid() }

  /// Throws what exec would say of a path: not there, not allowed, or a directory.
  public static func checkExecutable(_ path: String) throws(Errno) {
    _ = try call { unsafe access(path, X_OK) }
    var status = stat()
    _ = try call { unsafe stat(path, &status) }
    if status.st_mode & S_IFMT == S_IFDIR { throw .accessDenied }
  }

  public static func names(in directory: String, limit: Int = .max) -> [String] {
    guard let stream = unsafe opendir(directory) else { return [] }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while names.count < limit, let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  /// Where a symbolic link points.
  public static func target(of link: String) -> String? {
    var buffer = [CChar](repeating: 0, count: 512)
    let count = unsafe readlink(link, &buffer, buffer.count)
    guard count > 0 else { return nil }
    return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// One field of /proc/PID/status.
  public static func status(of pid: Int32, field: String) -> Substring? {
    guard let text = contents(of: "/proc/\(pid)/status") else { return nil }
    for line in text.split(separator: "\n") where line.hasPrefix(field + ":") {
      return line.dropFirst(field.count + 1).drop { $0 == " " || $0 == "\t" }
    }
    return nil
  }

  /// The session of a process (proc_pid_stat(5), field 6): the pid of the process that began it.
  public static func session(of pid: Int32) -> Int32? {
    // The name before it is in parentheses, and may have any character in it.
    guard let text = contents(of: "/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else { return nil }
    let fields = text[text.index(after: end)...].split(separator: " ")
    return fields.count > 3 ? Int32(fields[3]) : nil
  }

  public static func threadGroup(of thread: Int32) -> Int32? {
    status(of: thread, field: "Tgid").flatMap { Int32($0) }
  }

  /// Who a thread is to the file system: the owner of what it makes, and the permissions that it withholds.
  public struct Creator: Equatable, Sendable {
    public let user: UInt32
    public let group: UInt32
    public let mask: UInt32

    public init(user: UInt32, group: UInt32, mask: UInt32) {
      self.user = user
      self.group = group
      self.mask = mask
    }
  }

  public static func creator(_ thread: Int32) -> Creator? {
    // "Uid:" real, effective, saved, file system.
    func last(_ field: String) -> UInt32? {
      status(of: thread, field: field)?.split(whereSeparator: { $0 == "\t" || $0 == " " }).last.flatMap { UInt32($0) }
    }
    guard let user = last("Uid"), let group = last("Gid"),
      let mask = status(of: thread, field: "Umask").flatMap({ UInt32($0, radix: 8) })
    else { return nil }
    return Creator(user: user, group: group, mask: mask)
  }

  /// The directory that `path` leads to as a thread sees it, from its own root and working directory, or from a directory
  /// that it has open as `directory`.
  ///
  /// Only by names that the kernel has looked up before: a thread can name a directory in a file system that is a process of
  /// its own (FUSE), and whoever looks that up waits for an answer. nil where one had to be asked. What leads to a directory
  /// that we have open is known, as long as no symbolic link on the way has been forgotten for want of memory.
  public static func directory(ofThread thread: Int32, path: String, from directory: Int32? = nil) -> FileIdentity? {
    let isAbsolute = path.hasPrefix("/")
    let start = isAbsolute ? "root" : directory.map { "fd/\($0)" } ?? "cwd"
    let number = unsafe cl_open_directory("/proc/\(thread)/\(start)")
    guard number >= 0 else { return nil }
    let root = OwnedFD(owning: number)
    let found = unsafe cl_find_directory_at(root.number, path.isEmpty ? "." : path, isAbsolute ? 1 : 0)
    guard found >= 0 else { return nil }
    let file = OwnedFD(owning: found)
    var (device, inode): (UInt64, UInt64) = (0, 0)
    guard unsafe cl_file_identity(file.number, &device, &inode) == 0 else { return nil }
    return FileIdentity(device: device, inode: inode)
  }

  /// The command's name, 15 bytes of it (comm). A process can give itself any: what would be a line's end or a terminal's
  /// command to whoever prints it is left out.
  public static func name(of pid: Int32) -> String? {
    guard let text = contents(of: "/proc/\(pid)/comm") else { return nil }
    let printable = text.unicodeScalars.filter { $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) }
    return String(String.UnicodeScalarView(printable))
  }

  /// Anonymous and shared memory in use, in bytes: what goes when the process does. File pages are the page cache's.
  public static func memory(of pid: Int32) -> UInt64 {
    var total: UInt64 = 0
    for field in ["RssAnon", "RssShmem"] {
      let number = status(of: pid, field: field)?.prefix { $0.isNumber }
      total += (number.flatMap { UInt64($0) } ?? 0) * 1024
    }
    return total
  }

  /// Every descendant of a process, by the kernel's own lists of children.
  public static func descendants(of pid: Int32) -> [Int32] {
    var found: [Int32] = []
    var open = [pid]
    // A tree can grow while it is walked: the bound is the machine's own on processes.
    while let parent = open.popLast(), found.count < 1 << 22 {
      for thread in names(in: "/proc/\(parent)/task") {
        guard let list = contents(of: "/proc/\(parent)/task/\(thread)/children") else { continue }
        let children = list.split(separator: " ").compactMap { Int32($0) }
        found += children
        open += children
      }
    }
    return found
  }

  /// Descriptor numbers that a process or thread has open.
  public static func descriptors(of pid: Int32, limit: Int = .max) -> [Int32] {
    names(in: "/proc/\(pid)/fd", limit: limit).compactMap { Int32($0) }
  }

  /// What a descriptor of another process is: "socket:[4711]", "anon_inode:[eventpoll]", a path.
  public static func file(of pid: Int32, number: Int32) -> String? { target(of: "/proc/\(pid)/fd/\(number)") }

  /// The inode of a socket that another process has; nil for any other file.
  public static func socketInode(of pid: Int32, number: Int32) -> UInt64? {
    guard let text = file(of: pid, number: number), text.hasPrefix("socket:["), text.hasSuffix("]") else { return nil }
    return UInt64(text.dropFirst(8).dropLast())
  }

  /// Whether a descriptor closes on exec: a flag of the number, not of the file.
  public static func closesOnExec(_ pid: Int32, number: Int32) -> Bool {
    guard let text = contents(of: "/proc/\(pid)/fdinfo/\(number)") else { return false }
    for line in text.split(separator: "\n") where line.hasPrefix("flags:") {
      let digits = line.dropFirst(6).drop { $0 == " " || $0 == "\t" }
      return (Int32(digits, radix: 8) ?? 0) & O_CLOEXEC != 0
    }
    return false
  }

  /// The registrations of a socket's descriptors in an epoll instance of that process (proc(5), fdinfo). Of a very large
  /// instance the first 128 KiB, some 1,500 lines, are read.
  public static func registrations(
    in epoll: Int32, of pid: Int32, for numbers: Set<Int32>, inode: UInt64
  ) -> [Registration] {
    guard let text = contents(of: "/proc/\(pid)/fdinfo/\(epoll)", limit: 1 << 17) else { return [] }
    return text.split(separator: "\n").compactMap { Registration(line: $0) }
      .filter { numbers.contains($0.number) && $0.inode == inode }
  }

  /// One line of an epoll instance's fdinfo: "tfd:        5 events:       19 data:                5  pos:0 ino:1234 sdev:8".
  public struct Registration: Equatable, Sendable {
    public let number: Int32
    public let events: UInt32
    public let data: UInt64
    public let inode: UInt64

    public init?(line: Substring) {
      var fields: [Substring: Substring] = [:]
      var key: Substring?
      for word in line.split(whereSeparator: { $0 == " " || $0 == "\t" }) {
        let parts = word.split(separator: ":", maxSplits: 1)
        if let last = key, !word.contains(":") {
          fields[last] = word
          key = nil
        } else if parts.count == 2 {
          fields[parts[0]] = parts[1]
        } else {
          key = parts.first
        }
      }
      guard let number = fields["tfd"].flatMap({ Int32($0) }),
        let events = fields["events"].flatMap({ UInt32($0, radix: 16) }),
        let data = fields["data"].flatMap({ UInt64($0, radix: 16) }),
        let inode = fields["ino"].flatMap({ UInt64($0, radix: 16) })
      else { return nil }
      self.number = number
      self.events = events
      self.data = data
      self.inode = inode
    }
  }
}
