import CLinux
import Glibc

/// A process to be started by clone3, without forking our memory (52–89 µs).
public struct Spawn: ~Copyable {
  /// An absolute path.
  public var path: String
  public var arguments: [String]
  /// "NAME=value". LISTEN_PID is added when there are sockets.
  public var environment: [String]
  /// Variables that are given the child's own pid, which only the child knows; two at most. LISTEN_PID, where there are sockets,
  /// is one.
  public var pidVariables: [String] = []
  /// 0, 1 and 2; nil leaves ours.
  public var standardInput: Int32?
  public var standardOutput: Int32?
  public var standardError: Int32?
  /// Become 3, 4, … in the child.
  public var sockets: [Int32] = []
  public var cgroup: Int32?
  public var identity = Identity()
  /// RLIMIT_*; those that aren't named stay ours. A hard one that may not be raised becomes the highest there is.
  public var limits: [ResourceLimit] = []
  /// -1000 to 1000 (proc_pid_oom_score_adj(5)); nil leaves ours.
  public var oomScoreAdjust: Int32?
  /// -20 to 19; nil leaves ours.
  public var nice: Int32?
  /// As ioprio_set(2) has it; nil leaves ours.
  public var ioPriority: Int32?
  /// The permissions that are withheld from new files; nil leaves ours.
  public var mask: UInt32?
  /// Entered as the user; nil leaves ours.
  public var directory: String?
  /// Where there is no such directory, it is "/".
  public var directoryMayBeMissing = false
  /// SIGPIPE is ignored, and not the end of a process that writes to nobody.
  public var ignoresBrokenPipes = false
  public var trapsBind = false
  /// With `trapsBind`: unlink() of files and connect() by unix addresses are trapped, too, so that nobody but we decides what
  /// becomes of these.
  public var trappedPaths: [UnixAddress] = []
  /// With `trapsBind`: sendmsg() in the way of sd_notify(3) is trapped, too.
  public var trapsNotifications = false
  public var forbidsNewPrivileges = false

  /// Who it is. What is nil stays ours.
  public struct Identity: Equatable, Sendable {
    public var user: UInt32?
    public var group: UInt32?
    public var groups: [UInt32]?
    public init(user: UInt32? = nil, group: UInt32? = nil, groups: [UInt32]? = nil) {
      self.user = user
      self.group = group
      self.groups = groups
    }
  }

  public init(path: String, arguments: [String], environment: [String]) {
    self.path = path
    self.arguments = arguments
    self.environment = environment
  }

  /// What went wrong, and at which step.
  public struct Failure: Error, Equatable, Sendable {
    /// In the order of cl_spawn_stage.
    public enum Step: UInt32, Sendable {
      case clone, descriptors, filter, groups, user, exec, oomScore, ioPriority, nice, limits, directory,
        noNewPrivileges
    }
    public let step: Step
    public let errno: Errno
    /// Which one can't be set.
    public let limit: ResourceLimit.Resource?

    public init(step: Step, errno: Errno, limit: ResourceLimit.Resource? = nil) {
      self.step = step
      self.errno = errno
      self.limit = limit
    }
  }

  public struct Process: ~Copyable {
    public var handle: ProcessHandle
    /// Where its bind() calls come to, when they are trapped.
    public var listener: SeccompListener?

    public consuming func takeHandle() -> ProcessHandle { handle }
  }

  /// Starts it. When this returns, exec has succeeded.
  public consuming func run() throws(Failure) -> Process {
    var result = cl_spawn_result()
    let code = unsafe withRequest { request in unsafe cl_spawn(&request, &result) }
    guard code == 0 else {
      let step = Failure.Step(rawValue: UInt32(result.stage)) ?? .clone
      let limit = step == .limits ? ResourceLimit.Resource.allCases.first { $0.number == result.detail } : nil
      throw Failure(step: step, errno: Errno(-code), limit: limit)
    }
    // Owned before anything can fail, so that neither is left open.
    let pidfd = OwnedFD(owning: result.pidfd)
    let trap = result.listener < 0 ? nil : OwnedFD(owning: result.listener)
    do throws(Errno) {
      let handle = try ProcessHandle(pid: result.pid, owning: pidfd)
      guard let trap else { return Process(handle: handle, listener: nil) }
      return Process(handle: handle, listener: try SeccompListener(owning: trap))
    } catch {
      // Out of descriptors at the last moment: a process that we can't watch must not live.
      _ = kill(result.pid, SIGKILL)
      throw Failure(step: .descriptors, errno: error)
    }
  }

  /// Lays the strings out as execve(2) wants them. The block lives until `body` returns.
  private func withRequest(_ body: (inout cl_spawn_request) -> Int32) -> Int32 {
    let pidVariables = Array(((sockets.isEmpty ? [] : ["LISTEN_PID"]) + pidVariables).prefix(Int(CL_MAX_PID_PLACES)))
    // Room for the digits that the child writes.
    let variables = environment + pidVariables.map { $0 + "=            " }
    return unsafe withStrings(arguments) { arguments in
      unsafe withStrings(variables) { variables in
        var request = unsafe cl_spawn_request()
        unsafe request.arguments = UnsafePointer(arguments)
        unsafe request.environment = UnsafePointer(variables)
        unsafe withUnsafeMutablePointer(to: &request.pid_places) { places in
          unsafe places.withMemoryRebound(to: UnsafeMutablePointer<CChar>?.self, capacity: Int(CL_MAX_PID_PLACES)) {
            places in
            for (index, name) in pidVariables.enumerated() {
              unsafe places[index] = variables[environment.count + index].map { unsafe $0 + name.utf8.count + 1 }
            }
          }
        }
        unsafe request.standard_input = standardInput ?? -1
        unsafe request.standard_output = standardOutput ?? -1
        unsafe request.standard_error = standardError ?? -1
        unsafe request.cgroup = cgroup ?? -1
        unsafe request.traps = traps
        unsafe request.no_new_privileges = forbidsNewPrivileges ? 1 : 0
        unsafe request.ignores_broken_pipes = ignoresBrokenPipes ? 1 : 0
        unsafe request.mask = mask.map { Int32($0 & 0o777) } ?? -1
        unsafe request.changes_nice = nice == nil ? 0 : 1
        unsafe request.nice = nice ?? 0
        unsafe request.changes_io_priority = ioPriority == nil ? 0 : 1
        unsafe request.io_priority = ioPriority ?? 0
        unsafe request.directory_may_be_missing = directoryMayBeMissing ? 1 : 0
        unsafe request.changes_user = identity.user == nil ? 0 : 1
        unsafe request.user = identity.user ?? 0
        unsafe request.changes_group = identity.group == nil ? 0 : 1
        unsafe request.group = identity.group ?? 0
        unsafe request.changes_groups = identity.groups == nil ? 0 : 1
        return unsafe withMemory(&request, body)
      }
    }
  }

  /// The parts of a request that it only points to.
  private func withMemory(_ request: inout cl_spawn_request, _ body: (inout cl_spawn_request) -> Int32) -> Int32 {
    let score = oomScoreAdjust.map { "\($0)" }
    let requests = limits.map(\.request)
    return unsafe withCString(directory) { directory in
      unsafe withCString(score) { score in
        unsafe path.withCString { path in
          unsafe sockets.withUnsafeBufferPointer { sockets in
            unsafe (identity.groups ?? []).withUnsafeBufferPointer { groups in
              unsafe requests.withUnsafeBufferPointer { limits in
                unsafe request.directory = directory
                unsafe request.oom_score = score
                unsafe request.path = path
                unsafe request.descriptors = sockets.baseAddress
                unsafe request.descriptor_count = Int32(sockets.count)
                unsafe request.groups = groups.baseAddress
                unsafe request.group_count = groups.count
                unsafe request.limits = limits.baseAddress
                unsafe request.limit_count = limits.count
                return unsafe body(&request)
              }
            }
          }
        }
      }
    }
  }

  private func withCString<Result>(_ text: String?, _ body: (UnsafePointer<CChar>?) -> Result) -> Result {
    guard let text else { return body(nil) }
    return unsafe text.withCString { unsafe body($0) }
  }

  /// Calls with addresses of other families go on unasked. These are told by their length alone, so one that a trapped path
  /// may have, too, is asked about.
  private var traps: Int32 {
    guard trapsBind else { return 0 }
    var traps = CL_TRAP_BIND.rawValue
    if trapsNotifications { traps |= CL_TRAP_MESSAGES.rawValue }
    if !trappedPaths.isEmpty { traps |= CL_TRAP_PATHS.rawValue }
    for path in trappedPaths.map(\.name) {
      let base = path.split(separator: UInt8(ascii: "/")).last?.count ?? 0
      // sun_family's two bytes, and a terminating 0 that may be counted or not; the last component alone where the service
      // has gone to its directory first.
      for length in [path.count, path.count + 1, base, base + 1].map({ $0 + 2 }) {
        switch length {
        case 12: traps |= CL_TRAP_LENGTH_12.rawValue
        case 16: traps |= CL_TRAP_LENGTH_16.rawValue
        case 28: traps |= CL_TRAP_LENGTH_28.rawValue
        default: break
        }
      }
    }
    return Int32(traps)
  }

  private func withStrings<Result>(
    _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
  ) -> Result {
    var pointers: [UnsafeMutablePointer<CChar>?] = unsafe strings.map { unsafe strdup($0) } + [nil]
    defer { unsafe pointers.forEach { unsafe free($0) } }
    return unsafe pointers.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { preconditionFailure("a list with at least its end") }
      return unsafe body(base)
    }
  }
}
