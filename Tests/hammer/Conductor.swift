import Glibc
import Synchronization

/// Set by SIGINT and SIGTERM: a run that is interrupted still reports.
private let wasInterrupted = Atomic<Bool>(false)

/// Starts the clients, ends the run when it's time, and waits for the last reply.
struct Conductor {
  let behaviour: Behaviour
  let clients: Int
  let seed: UInt64
  let secondsMax: Double?
  let requestsMax: Int?

  struct ThreadsExhausted: Error {}

  /// The whole run, and how long it took.
  func conduct() throws(ThreadsExhausted) -> (tally: Tally, elapsedNanoseconds: Int) {
    raiseDescriptorLimit()
    signal(SIGPIPE, SIG_IGN)
    let run = Run(clients: clients, requestsMax: requestsMax)
    let began = MonotonicClock.nowNanoseconds()
    for number in 0..<clients {
      let client = Client(number: number, behaviour: behaviour, run: run, seed: seed)
      let hasStarted = Thread.start {
        var client = client
        client.hammer()
      }
      guard hasStarted else { throw ThreadsExhausted() }
    }
    waitForEnd(of: run, beganNanoseconds: began)
    return (run.tally, MonotonicClock.nowNanoseconds() - began)
  }

  private func waitForEnd(of run: Run, beganNanoseconds began: Int) {
    wasInterrupted.store(false, ordering: .relaxed)
    for number in [SIGINT, SIGTERM] {
      signal(number) { _ in wasInterrupted.store(true, ordering: .relaxed) }
    }
    let end = secondsMax.map { began + Int($0 * 1_000_000_000) } ?? .max
    var standardInput = pollfd(fd: watchesStandardInput ? STDIN_FILENO : -1, events: Int16(POLLIN), revents: 0)
    while !run.hasEnded {
      let left = end - MonotonicClock.nowNanoseconds()
      if left <= 0 || wasInterrupted.load(ordering: .relaxed) {
        run.end()
        standardInput.fd = -1
      }
      // The tick notices the end of the clients; its length only delays the report.
      let ready = poll(&standardInput, 1, left <= 0 ? 5 : Int32(min(20, left / 1_000_000 + 1)))
      if ready > 0 && isAtEndOfFile(standardInput.fd) {
        run.end()
        standardInput.fd = -1
      }
    }
  }

  private func isAtEndOfFile(_ descriptor: Int32) -> Bool {
    var ignored = [UInt8](repeating: 0, count: 4096)
    let count = read(descriptor, &ignored, ignored.count)
    return count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN)
  }

  /// What /dev/null says of itself is no sign from anybody: a run with an end of its own, started without a standard
  /// input (as by a test runner), would be over at once and prove nothing.
  private var watchesStandardInput: Bool {
    guard secondsMax != nil || requestsMax != nil else { return true }
    var input = stat()
    var null = stat()
    guard fstat(STDIN_FILENO, &input) == 0 else { return false }
    return stat("/dev/null", &null) != 0 || input.st_rdev != null.st_rdev || input.st_mode != null.st_mode
  }

  private func raiseDescriptorLimit() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }
}
