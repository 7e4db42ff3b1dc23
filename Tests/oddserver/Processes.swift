import Glibc

/// Processes made by fork(2), as traditional servers make theirs.
enum Processes {
  /// Swift hides fork, as it's dangerous where there are threads; it's found by name. Every caller's child does little
  /// or forks before there is a second thread.
  private static func fork() -> pid_t {
    typealias Fork = @convention(c) () -> pid_t
    guard let symbol = dlsym(nil, "fork") else { die("cannot find fork", exitCode: 1) }
    let pid = unsafeBitCast(symbol, to: Fork.self)()
    guard pid >= 0 else { dieOfSystemError("fork") }
    return pid
  }

  /// Becomes a daemon by the traditional double fork: the caller's process exits with 0, and the grandchild, which
  /// leads no session and so can't get a terminal, goes on from here. It keeps its standard streams, for tests to read.
  static func becomeDaemon() {
    if fork() > 0 { _exit(0) }
    guard setsid() >= 0 else { dieOfSystemError("setsid") }
    if fork() > 0 { _exit(0) }
  }

  /// How long a stubborn child lives, so that a test that goes wrong doesn't leave it for ever.
  private static let stubbornChildSeconds: UInt32 = 600

  /// A child that ignores SIGTERM and outlives its parent, with the listeners it inherited still open.
  static func startStubbornChild() {
    // Blocked meanwhile: a SIGTERM to the whole group must not find the child before it ignores it.
    var termination = sigset_t()
    sigemptyset(&termination)
    sigaddset(&termination, SIGTERM)
    pthread_sigmask(SIG_BLOCK, &termination, nil)
    guard fork() == 0 else {
      pthread_sigmask(SIG_UNBLOCK, &termination, nil)
      return
    }
    signal(SIGTERM, SIG_IGN)
    var left = stubbornChildSeconds
    while left > 0 { left = sleep(left) }
    _exit(0)
  }
}
