import Linux

/// Why a process of a service could not be started, for the person whose service it is.
struct LaunchFailure: Error, Equatable, CustomStringConvertible {
  let description: String
  /// It isn't the machine's want of a moment, but will be so the next time.
  let isLasting: Bool

  init(_ description: String, isLasting: Bool = true) {
    self.description = description
    self.isLasting = isLasting
  }
}

extension Spawn.Failure {
  /// What systemd exits with and calls it (systemd.exec(5), "Process Exit Codes"); nil: it is none of the setting's fault.
  var statusName: String? {
    switch step {
    case .clone, .descriptors, .filter: nil
    case .exec: "203/EXEC"
    case .directory: "200/CHDIR"
    case .nice: "201/NICE"
    case .limits: "205/LIMITS"
    case .oomScore: "206/OOM_ADJUST"
    case .ioPriority: "211/IOPRIO"
    case .groups: "216/GROUP"
    case .user: "217/USER"
    case .noNewPrivileges: "227/NO_NEW_PRIVILEGES"
    }
  }

  /// A clone that fails, or a descriptor that can't be had, is the machine's want.
  var isLasting: Bool { step != .clone && step != .descriptors && !errno.isShortage }
}
