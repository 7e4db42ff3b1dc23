import Foundation

/// How a process ended.
enum ExitStatus: Equatable, Sendable {
  case exited(Int32)
  case signalled(Int32)

  init(waitStatus: Int32) {
    let signal = waitStatus & 0x7f
    self = signal == 0 ? .exited((waitStatus >> 8) & 0xff) : .signalled(signal)
  }
}

/// A program that a test started: its lines, its end, and the means to end it. Only ever this one process is signalled.
final class ChildProcess: @unchecked Sendable {
  let pid: pid_t
  let output: LineCollector
  let errors: LineCollector
  private let condition = NSCondition()
  private var status: ExitStatus?
  private var input: Int32?

  /// Starts a command with empty signal mask, default signals, and no descriptors but 0, 1 and 2. Its standard input is a
  /// pipe that stays open until `closeInput()`.
  init(_ command: [String], environment overrides: [String: String] = [:]) throws {
    let input = try Pipe()
    let output = try Pipe()
    let errors = try Pipe()
    let environment = ProcessInfo.processInfo.environment.merging(overrides) { $1 }
    let result = Self.spawn(
      command, environment: environment.map { "\($0)=\($1)" },
      descriptors: [input.readEnd, output.writeEnd, errors.writeEnd])
    for descriptor in [input.readEnd, output.writeEnd, errors.writeEnd] { close(descriptor) }
    self.input = input.writeEnd
    self.output = LineCollector(reading: output.readEnd)
    self.errors = LineCollector(reading: errors.readEnd)
    switch result {
    case .success(let pid):
      self.pid = pid
    case .failure(let error):
      close(input.writeEnd)
      throw error
    }
    Thread.detachNewThread { [self] in reap() }
  }

  var isRunning: Bool { condition.withLock { status == nil } }

  /// Sends a signal unless the process has been reaped, so that its number can't be another process's by now.
  func send(_ signal: Int32) {
    condition.withLock { if status == nil { kill(pid, signal) } }
  }

  func closeInput() {
    condition.withLock {
      if let input { close(input) }
      input = nil
    }
  }

  /// nil: still running then.
  func waitForExit(within duration: Duration) -> ExitStatus? {
    let deadline = Deadline(after: duration)
    return condition.withLock {
      while status == nil { if !condition.wait(until: deadline.date) { break } }
      return status
    }
  }

  /// Ends it for certain.
  func killAndWait() {
    send(SIGKILL)
    _ = waitForExit(within: .seconds(10))
    closeInput()
  }

  private func reap() {
    // Waited for without reaping first: while it is a zombie, send() can't hit a stranger.
    var info = siginfo_t()
    while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) != 0, errno == EINTR {}
    condition.withLock {
      var waitStatus: Int32 = 0
      while waitpid(pid, &waitStatus, 0) < 0, errno == EINTR {}
      status = ExitStatus(waitStatus: waitStatus)
      condition.broadcast()
    }
  }

  private static let beginning = NSLock()

  /// For a descriptor that has to be told that it isn't for children: tests run side by side.
  static func whileNoneBegins<Outcome>(_ work: () -> Outcome) -> Outcome { beginning.withLock(work) }

  private struct Pipe {
    let readEnd: Int32
    let writeEnd: Int32
    init() throws {
      var ends: [Int32] = [-1, -1]
      let status = ChildProcess.whileNoneBegins {
        let status = pipe(&ends)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return status
      }
      guard status == 0 else { throw SystemFailure("make a pipe") }
      readEnd = ends[0]
      writeEnd = ends[1]
    }
  }

  /// The pipes above, and whatever we were started with: only 0, 1 and 2 may reach a child.
  private static func keepDescriptorsToOurselves() {
    for descriptor in ProcessTable.descriptors(getpid()).keys where descriptor > 2 {
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }
  }

  private static func spawn(
    _ command: [String], environment: [String], descriptors: [Int32]
  ) -> Result<pid_t, SystemFailure> {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (number, descriptor) in descriptors.enumerated() {
      posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
    }

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    var every = sigset_t()
    sigfillset(&every)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &every)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
    var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
    defer { for pointer in arguments + variables { free(pointer) } }
    var pid: pid_t = 0
    let failure = whileNoneBegins {
      keepDescriptorsToOurselves()
      return posix_spawnp(&pid, command[0], &actions, &attributes, &arguments, &variables)
    }
    return failure == 0 ? .success(pid) : .failure(SystemFailure("start '\(command[0])'", failure))
  }
}

/// A system call that failed in the harness itself: the machine's trouble, not the product's.
struct SystemFailure: Error, CustomStringConvertible {
  let description: String
  init(_ what: String, _ code: Int32 = errno) { description = "cannot \(what): \(String(cString: strerror(code)))" }
}
