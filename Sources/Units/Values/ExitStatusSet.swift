/// Ways in which a process may end: exit codes and signals.
public struct ExitStatusSet: Equatable, Sendable {
  public var codes: Set<UInt8> = []
  public var signals: Set<Signal> = []

  public init() {}

  /// A number, a name of an exit code (`TEMPFAIL`) or a signal (`SIGKILL`).
  mutating func insert(_ word: String) -> Bool {
    if let code = NumberSyntax.unsigned(word) {
      guard let code = UInt8(exactly: code) else { return false }
      codes.insert(code)
    } else if let code = Self.names[word] {
      codes.insert(code)
    } else if let signal = Signal(word) {
      signals.insert(signal)
    } else {
      return false
    }
    return true
  }

  /// systemd.exec(5), "Process exit codes"; without EXIT_ and EX_.
  private static let names: [String: UInt8] = [
    "SUCCESS": 0, "FAILURE": 1,
    // The Linux Standard Base's.
    "INVALIDARGUMENT": 2, "NOTIMPLEMENTED": 3, "NOPERMISSION": 4, "NOTINSTALLED": 5, "NOTCONFIGURED": 6,
    "NOTRUNNING": 7,
    // sysexits.h's.
    "USAGE": 64, "DATAERR": 65, "NOINPUT": 66, "NOUSER": 67, "NOHOST": 68, "UNAVAILABLE": 69, "SOFTWARE": 70,
    "OSERR": 71, "OSFILE": 72, "CANTCREAT": 73, "IOERR": 74, "TEMPFAIL": 75, "PROTOCOL": 76, "NOPERM": 77, "CONFIG": 78,
    // systemd's, of what fails between fork and exec.
    "CHDIR": 200, "NICE": 201, "FDS": 202, "EXEC": 203, "MEMORY": 204, "LIMITS": 205, "OOM_ADJUST": 206,
    "SIGNAL_MASK": 207, "STDIN": 208, "STDOUT": 209, "CHROOT": 210, "IOPRIO": 211, "TIMERSLACK": 212, "SECUREBITS": 213,
    "SETSCHEDULER": 214, "CPUAFFINITY": 215, "GROUP": 216, "USER": 217, "CAPABILITIES": 218, "CGROUP": 219,
    "SETSID": 220, "CONFIRM": 221, "STDERR": 222, "PAM": 224, "NETWORK": 225, "NAMESPACE": 226,
    "NO_NEW_PRIVILEGES": 227,
    "SECCOMP": 228, "SELINUX_CONTEXT": 229, "PERSONALITY": 230, "APPARMOR": 231, "ADDRESS_FAMILIES": 232,
    "RUNTIME_DIRECTORY": 233, "CHOWN": 235, "SMACK_PROCESS_LABEL": 236, "KEYRING": 237, "STATE_DIRECTORY": 238,
    "CACHE_DIRECTORY": 239, "LOGS_DIRECTORY": 240, "CONFIGURATION_DIRECTORY": 241, "NUMA_POLICY": 242,
    "CREDENTIALS": 243, "BPF": 244, "EXCEPTION": 255,
  ]
}
