import CLinux
import Glibc

/// Signals as events: blocked, and read from a descriptor (signalfd(2)).
public struct Signals: ~Copyable {
  public let descriptor: OwnedFD

  /// From here on `numbers` come by this descriptor only, and SIGPIPE is an error of the write that met it.
  public init(_ numbers: [Int32]) throws(Errno) {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for number in numbers { unsafe sigaddset(&set, number) }
    unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    _ = signal(SIGPIPE, SIG_IGN)
    descriptor = try OwnedFD(
      owning: try call { unsafe signalfd(-1, &set, Int32(SFD_CLOEXEC | SFD_NONBLOCK)) }
    ).kept()
  }

  /// The signals that have come since the last call, in the order the kernel gives them.
  public func take() -> [Int32] {
    var numbers: [Int32] = []
    var buffer = [UInt8](repeating: 0, count: MemoryLayout<signalfd_siginfo>.size)
    // One signal is pending at most once, so there are no more than there are signals.
    while numbers.count < 64, let count = try? descriptor.read(into: &buffer), count == buffer.count {
      numbers.append(unsafe buffer.span.bytes.number(at: 0))
    }
    return numbers
  }

  /// "SIGSEGV" for 11; "signal 47" for one without a name.
  public static func name(of number: Int32) -> String {
    guard let name = unsafe cl_signal_name(number) else { return "signal \(number)" }
    return unsafe "SIG" + String(cString: name)
  }
}

extension RawSpan {
  /// The number of that width at `offset`, in the machine's byte order. The caller has checked that it lies within.
  func number<Number: FixedWidthInteger & BitwiseCopyable>(at offset: Int) -> Number {
    unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: Number.self)
  }
}
