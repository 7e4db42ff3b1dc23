import CLinux
import Glibc

/// A process to be started by clone3, without forking our memory (52–89 µs).
public struct Spawn: ~Copyable {
  /// An absolute path.
  public var path: String
  public var arguments: [String]
  /// "NAME=value". LISTEN_PID is added when there are sockets.
  public var environment: [String]
  /// 0, 1 and 2; nil leaves ours.
  public var standardInput: Int32?
  public var standardOutput: Int32?
  public var standardError: Int32?
  /// Become 3, 4, … in the child.
  public var sockets: [Int32] = []
  public var cgroup: Int32?
  public var account: Account?
  public var trapsBind = false
  /// With `trapsBind`: unlink() of files and connect() by unix addresses are trapped, too, so that nobody but we decides what
  /// becomes of these.
  public var trappedPaths: [UnixAddress] = []
  /// With `trapsBind`: sendmsg() in the way of sd_notify(3) is trapped, too.
  public var trapsNotifications = false
  public var forbidsNewPrivileges = false
  /// RLIMIT_NOFILE of the child; nil leaves ours.
  public var fileLimit: FileLimit?

  public init(path: String, arguments: [String], environment: [String]) {
    self.path = path
    self.arguments = arguments
    self.environment = environment
  }

  /// What went wrong, and at which step.
  public struct Failure: Error, Equatable, Sendable {
    public enum Step: UInt32, Sendable { case clone, descriptors, filter, groups, user, exec }
    public let step: Step
    public let errno: Errno

    public init(step: Step, errno: Errno) {
      self.step = step
      self.errno = errno
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
      throw Failure(step: Failure.Step(rawValue: UInt32(result.stage)) ?? .clone, errno: Errno(-code))
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
    let listenPID = "LISTEN_PID="
    // Room for the digits that the child writes.
    let variables = sockets.isEmpty ? environment : environment + [listenPID + "            "]
    return unsafe withStrings(arguments) { arguments in
      unsafe withStrings(variables) { variables in
        var request = unsafe cl_spawn_request()
        unsafe request.arguments = UnsafePointer(arguments)
        unsafe request.environment = UnsafePointer(variables)
        if !sockets.isEmpty, let last = unsafe variables[environment.count] {
          unsafe request.listen_pid = last + listenPID.utf8.count
        }
        unsafe request.descriptor_count = Int32(sockets.count)
        unsafe request.standard_input = standardInput ?? -1
        unsafe request.standard_output = standardOutput ?? -1
        unsafe request.standard_error = standardError ?? -1
        unsafe request.cgroup = cgroup ?? -1
        unsafe request.traps = traps
        unsafe request.no_new_privileges = forbidsNewPrivileges ? 1 : 0
        if let fileLimit {
          unsafe request.limits_descriptors = 1
          unsafe request.descriptor_soft_limit = fileLimit.soft
          unsafe request.descriptor_hard_limit = fileLimit.hard
        }
        if let account {
          unsafe request.changes_user = 1
          unsafe request.user = account.user
          unsafe request.group = account.group
          unsafe request.group_count = account.groups.count
        }
        return unsafe path.withCString { path in
          unsafe sockets.withUnsafeBufferPointer { sockets in
            unsafe (account?.groups ?? []).withUnsafeBufferPointer { groups in
              unsafe request.path = path
              unsafe request.descriptors = sockets.baseAddress
              unsafe request.groups = groups.baseAddress
              return unsafe body(&request)
            }
          }
        }
      }
    }
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
