import Glibc

/// What a process is given by whoever starts it, for tests of a spawn.
enum ProcessFacts {
  /// One line of `key=value`, the directory last as it may contain spaces.
  static func line() -> String {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    var facts = ["uid=\(getuid())", "gid=\(getgid())", "groups=\(getgroups(0, nil))"]
    facts += ["nofile=\(limit.rlim_cur):\(limit.rlim_max)"]
    facts += status(["Umask", "SigBlk", "SigIgn", "NoNewPrivs", "Seccomp"])
    facts += ["cwd=\(directory())"]
    return facts.joined(separator: " ")
  }

  /// Fields of /proc/self/status: for SigIgn there is no other source that shows what was inherited.
  private static func status(_ names: [String]) -> [String] {
    let lines = contents(of: "/proc/self/status").split(separator: "\n")
    return names.map { name in
      let line = lines.first { $0.hasPrefix(name + ":") }
      return "\(name)=\(line.map { $0.dropFirst(name.count + 1).drop { $0 == "\t" || $0 == " " } } ?? "?")"
    }
  }

  private static func directory() -> String {
    var path = [UInt8](repeating: 0, count: 4096)
    let count = readlink("/proc/self/cwd", &path, path.count)
    return String(decoding: path.prefix(max(0, count)), as: UTF8.self)
  }

  private static func contents(of path: String) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 16_384)
    let count = read(descriptor, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }
}
