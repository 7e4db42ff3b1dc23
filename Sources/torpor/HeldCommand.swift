import Glibc
import Linux
import Torpor

/// A command that is run while a hold lasts, or none: then it lasts until a signal comes.
final class HeldCommand {
  private let command: [String]
  private let connection: ManagerClient
  private let unit: String
  private var pid: pid_t?
  private var status: Int32 = 0

  init(_ command: [String], connection: ManagerClient, unit: String) {
    self.command = command
    self.connection = connection
    self.unit = unit
  }

  /// Returns the exit status.
  func run() throws -> Int32 {
    var original = sigset_t()
    unsafe pthread_sigmask(SIG_BLOCK, nil, &original)
    do throws(Errno) {
      let loop = try EventLoop()
      // The terminal sends SIGINT and SIGQUIT to the command, too, which decides what they mean.
      let signals = try Signals([SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGCHLD])
      _ = try loop.add(signals.descriptor, for: .readable) { [self] _ in
        for signal in signals.take() { handle(signal, loop) }
      }
      try connection.watch(in: loop) { [self] in
        StandardStreams.writeError("torpor: torpord has ended the connection: \(unit) is no longer held\n")
        guard pid == nil else { return }
        status = 1
        loop.stop()
      }
      if command.isEmpty {
        StandardStreams.writeError("torpor: \(unit) is held until this program ends (Ctrl-C)\n")
      } else if let failure = spawn(&original) {
        return failure
      }
      try loop.run()
    } catch { throw CommandFailure("cannot go on: \(error)") }
    return status
  }

  private func handle(_ signal: Int32, _ loop: EventLoop) {
    switch (signal, pid) {
    case (SIGCHLD, let pid?): reap(pid, loop)
    case (SIGCHLD, nil), (SIGINT, _?), (SIGQUIT, _?): break
    case (_, let pid?): kill(pid, signal)
    case (_, nil): loop.stop()
    }
  }

  private func reap(_ pid: pid_t, _ loop: EventLoop) {
    var raw: Int32 = 0
    guard unsafe waitpid(pid, &raw, WNOHANG) == pid else { return }
    let signal = raw & 0x7f
    status = signal == 0 ? (raw >> 8) & 0xff : 128 + signal
    loop.stop()
  }

  /// Returns the exit status if it couldn't be started.
  private func spawn(_ mask: inout sigset_t) -> Int32? {
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    // What was blocked and ignored for us isn't for it.
    var defaults = sigset_t()
    unsafe sigemptyset(&defaults)
    unsafe sigaddset(&defaults, SIGPIPE)
    unsafe posix_spawnattr_setsigmask(&attributes, &mask)
    unsafe posix_spawnattr_setsigdefault(&attributes, &defaults)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    var arguments: [UnsafeMutablePointer<CChar>?] = unsafe command.map { unsafe strdup($0) } + [nil]
    defer { unsafe arguments.forEach { unsafe free($0) } }
    var pid: pid_t = 0
    let failure = unsafe posix_spawnp(&pid, command[0], nil, &attributes, &arguments, environ)
    guard failure == 0 else {
      StandardStreams.writeError("torpor: cannot run '\(command[0])': \(Errno(failure))\n")
      return failure == ENOENT ? 127 : 126
    }
    self.pid = pid
    return nil
  }
}
