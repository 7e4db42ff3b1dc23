import CLinux
import Glibc

/// Tells that something has arrived at a socket, even if somebody else has taken it by now.
///
/// epoll asks a socket again before it tells, so that a connection which a service accepts at once is never seen. A signal
/// (O_ASYNC, fcntl(2)) is sent when it arrives and stays pending. Each socket is armed for one signal only, so that a busy
/// one costs one wakeup in the time between two looks, and not one a connection.
public struct ArrivalSignal: ~Copyable {
  /// Readable when a signal is pending.
  public let descriptor: OwnedFD

  /// The flag of the open file that it is turned on by: O_ASYNC.
  public static let statusFlag = O_ASYNC

  /// Blocks the signals for the calling thread, which is the one that they are sent to.
  public init() throws(Errno) {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for number in [cl_realtime_signal(), SIGIO] { unsafe sigaddset(&set, number) }
    unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    descriptor = try OwnedFD(
      owning: try call { unsafe signalfd(-1, &set, Int32(SFD_CLOEXEC | SFD_NONBLOCK)) }
    ).kept()
  }

  public static func arm(_ socket: borrowing OwnedFD) throws(Errno) {
    let number = socket.number
    try shim { cl_signal_arrivals(number, cl_realtime_signal()) }
  }

  /// Before our descriptor is closed: the service may have the same socket, and would go on telling of a number that means
  /// another by then.
  public static func disarm(_ socket: borrowing OwnedFD) { _ = cl_stop_signalling(socket.number) }

  /// The flag belongs to the open file, which a service has, too: one that sets its flags carelessly clears it.
  public static func isArmed(_ socket: borrowing OwnedFD) -> Bool {
    ((try? socket.statusFlags()) ?? 0) & O_ASYNC != 0
  }

  /// Our descriptor numbers of the sockets at which something has arrived since the last call. nil: it may be any of them, as
  /// the queue of signals was full.
  public func take() -> [Int32]? {
    var numbers: [Int32] = []
    var isLossy = false
    var buffer = [UInt8](repeating: 0, count: MemoryLayout<signalfd_siginfo>.size)
    // Bounded by the longest queue of signals there can be (RLIMIT_SIGPENDING); a rest is taken the next time.
    for _ in 0..<4096 {
      guard let count = try? descriptor.read(into: &buffer), count == buffer.count else { break }
      let signal: Int32 = unsafe buffer.span.bytes.number(at: 0)
      if signal == SIGIO { isLossy = true }
      numbers.append(unsafe buffer.span.bytes.number(at: 20))  // ssi_fd
    }
    return isLossy ? nil : numbers
  }
}
