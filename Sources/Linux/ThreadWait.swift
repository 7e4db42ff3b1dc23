import CLinux
import Glibc

/// What a thread that doesn't run waits for, as /proc/PID/task/TID tells of it.
public struct ThreadWait: Equatable, Sendable {
  public let thread: Int32
  /// As ps(1) shows it: "S" waits and can be interrupted, "Z" has ended.
  public let state: Character
  /// The system call that it is in, with its arguments; nil: none.
  public let call: BlockingCall?
  /// How often it has given its processor up by itself.
  public let pauses: UInt64
  /// When it last ran, in nanoseconds of its processor's own clock; nil: the kernel doesn't tell.
  public let lastRan: UInt64?

  /// nil: it has gone.
  public init?(_ thread: Int32, of process: Int32) {
    let directory = "/proc/\(process)/task/\(thread)"
    guard let stat = ProcessFiles.contents(of: directory + "/stat"), let state = ProcessFiles.threadState(stat: stat),
      let call = ProcessFiles.contents(of: directory + "/syscall")
    else { return nil }
    let schedule = ProcessFiles.contents(of: directory + "/sched") ?? ""
    let pauses =
      Self.number(schedule, "nr_voluntary_switches")
      ?? Self.number(ProcessFiles.contents(of: directory + "/status") ?? "", "voluntary_ctxt_switches")
    guard let pauses else { return nil }
    self.thread = thread
    self.state = state
    self.call = BlockingCall(line: call)
    self.pauses = pauses
    lastRan = Self.lastRan(schedule)
  }

  public init(thread: Int32, state: Character, call: BlockingCall?, pauses: UInt64, lastRan: UInt64?) {
    self.thread = thread
    self.state = state
    self.call = call
    self.pauses = pauses
    self.lastRan = lastRan
  }

  /// It has nothing in hand, or will never have.
  public var isAtRest: Bool { "SIZXTt".contains(state) }

  private static func field(_ text: String, _ name: String) -> Substring? {
    for line in text.split(separator: "\n") where line.hasPrefix(name) {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2, parts[0].prefix(while: { $0 != " " }) == name else { continue }
      return parts[1].drop { $0 == " " || $0 == "\t" }
    }
    return nil
  }

  static func number(_ text: String, _ name: String) -> UInt64? { field(text, name).flatMap { UInt64($0) } }

  /// "se.exec_start : 37923226.047593", in milliseconds (kernel/sched/debug.c).
  static func lastRan(_ schedule: String) -> UInt64? {
    guard let parts = field(schedule, "se.exec_start")?.split(separator: "."), parts.count == 2,
      let milliseconds = UInt64(parts[0]), let nanoseconds = UInt64(parts[1])
    else { return nil }
    return milliseconds &* 1_000_000 &+ nanoseconds
  }
}

/// A system call that a thread is blocked in (proc_pid_syscall(5)).
public struct BlockingCall: Equatable, Sendable {
  public let number: Int
  public let arguments: [UInt64]

  public init(number: Int, arguments: [UInt64]) {
    self.number = number
    self.arguments = arguments
  }

  /// "232 0x3 0x7fe1 0x3ff 0x4e20 0x0 0x0 0x7fe1 0x7fe1"; nil: it runs, or is blocked outside of any call ("-1 …").
  public init?(line: String) {
    let words = line.split(whereSeparator: { $0 == " " || $0 == "\n" })
    guard let first = words.first, let number = Int(first), number >= 0, words.count >= 7 else { return nil }
    let arguments = words[1...6].compactMap { UInt64($0.dropFirst(2), radix: 16) }
    guard arguments.count == 6 else { return nil }
    self.init(number: number, arguments: arguments)
  }

  /// It was interrupted, and goes on with the time that it has left, which only the kernel knows (restart_syscall(2)).
  public var isRestarted: Bool { number == Numbers.restart }
}

/// How long a blocked call waits at most.
public enum WaitLimit: Equatable, Sendable {
  /// From its begin on.
  case fromBegin(Duration)
  /// From the moment at which it was interrupted on, as the kernel then writes down what is left.
  case left(Duration)
  /// A moment of a clock, by its number (clock_gettime(2)).
  case moment(clock: Int32, seconds: Int64, nanoseconds: Int64)
}

extension BlockingCall {
  /// nil: no limit. `memory` reads the time structure of the calling process.
  public func limit(memory: (UInt64) -> (seconds: Int64, fraction: Int64)?) -> WaitLimit? {
    func time(_ argument: Int, unit: Int64 = 1) -> Duration? {
      guard arguments[argument] != 0, let time = memory(arguments[argument]), time.seconds >= 0 else { return nil }
      return .seconds(time.seconds) + .nanoseconds(time.fraction &* unit)
    }
    func moment(_ argument: Int, clock: Int32) -> WaitLimit? {
      guard arguments[argument] != 0, let time = memory(arguments[argument]) else { return nil }
      return .moment(clock: clock, seconds: time.seconds, nanoseconds: time.fraction)
    }
    switch number {
    case Numbers.epollWait, Numbers.epollPWait: return milliseconds(3)
    case Numbers.poll: return milliseconds(2)
    case Numbers.ppoll: return time(2).map { .left($0) }
    case Numbers.pselect: return time(4).map { .left($0) }
    case Numbers.select: return time(4, unit: 1000).map { .left($0) }
    case Numbers.epollPWait2: return time(3).map { .fromBegin($0) }
    case Numbers.nanosleep: return time(0).map { .fromBegin($0) }
    case Numbers.clockNanosleep:
      let isMoment = arguments[1] & 1 != 0  // TIMER_ABSTIME
      return isMoment
        ? moment(2, clock: Int32(truncatingIfNeeded: arguments[0])) : time(2).map { .fromBegin($0) }
    case Numbers.signalWait: return time(2).map { .fromBegin($0) }
    case Numbers.semaphoreWait: return time(3).map { .fromBegin($0) }
    case Numbers.ioEvents, Numbers.receiveMessages: return time(4).map { .fromBegin($0) }
    case Numbers.futexWaitV: return moment(3, clock: Int32(truncatingIfNeeded: arguments[4]))
    case Numbers.futex:
      // The operation without FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME (linux/futex.h).
      switch arguments[1] & 127 {
      case 0: return time(3).map { .fromBegin($0) }
      case 6: return moment(3, clock: CLOCK_REALTIME)
      case 9, 11, 13: return moment(3, clock: arguments[1] & 256 != 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC)
      default: return nil
      }
    default: return nil
    }
  }

  private func milliseconds(_ argument: Int) -> WaitLimit? {
    let time = Int32(truncatingIfNeeded: arguments[argument])
    return time < 0 ? nil : .fromBegin(.milliseconds(Int64(time)))
  }

  /// Two words of a process's memory: timespec, or timeval.
  public static func time(at address: UInt64, of process: Int32) -> (seconds: Int64, fraction: Int64)? {
    var words: [Int64] = [0, 0]
    guard unsafe cl_process_read(process, address, &words, 16) == 16, (0..<1_000_000_000).contains(words[1]) else {
      return nil
    }
    return (words[0], words[1])
  }

  /// Of this machine's kernel; -1: it has no such call. Programs of another word size than ours have others, and are not
  /// understood.
  enum Numbers {
    #if arch(x86_64)
      static let (epollWait, epollPWait, epollPWait2, poll, ppoll) = (232, 281, 441, 7, 271)
      static let (select, pselect, nanosleep, clockNanosleep, futex, futexWaitV) = (23, 270, 35, 230, 202, 449)
      static let (signalWait, semaphoreWait, ioEvents, receiveMessages, restart) = (128, 220, 208, 299, 219)
    #else
      // asm-generic/unistd.h: arm64, riscv64.
      static let (epollWait, epollPWait, epollPWait2, poll, ppoll) = (-2, 22, 441, -2, 73)
      static let (select, pselect, nanosleep, clockNanosleep, futex, futexWaitV) = (-2, 72, 101, 115, 98, 449)
      static let (signalWait, semaphoreWait, ioEvents, receiveMessages, restart) = (137, 192, 4, 243, 128)
    #endif
  }
}

extension WaitLimit {
  /// How long it is from now on, for a call that was begun `ago`.
  public func left(begun ago: Duration) -> Duration {
    switch self {
    case .fromBegin(let time): return max(.zero, time - max(.zero, ago))
    case .left(let time): return time
    case .moment(let clock, let seconds, let nanoseconds):
      var now = timespec()
      guard unsafe clock_gettime(clock, &now) == 0 else { return .zero }
      return max(
        .zero, .seconds(seconds - Int64(now.tv_sec)) + .nanoseconds(nanoseconds - Int64(now.tv_nsec)))
    }
  }
}

extension ProcessFiles {
  /// The threads of a process.
  public static func threads(of pid: Int32, limit: Int) -> [Int32] {
    names(in: "/proc/\(pid)/task", limit: limit).compactMap { Int32($0) }
  }

  /// How long a timer of a process has left, as its descriptor's fdinfo tells (timerfd_create(2)); nil: it isn't set.
  public static func timeLeft(ofTimer number: Int32, of pid: Int32) -> Duration? {
    contents(of: "/proc/\(pid)/fdinfo/\(number)").flatMap { timeLeft(timer: $0) }
  }

  /// "it_value: (0, 49406829)".
  static func timeLeft(timer text: String) -> Duration? {
    for line in text.split(separator: "\n") where line.hasPrefix("it_value:") {
      let numbers = line.split(whereSeparator: { !$0.isNumber }).compactMap { Int64($0) }
      guard numbers.count == 2, numbers != [0, 0] else { return nil }
      return .seconds(numbers[0]) + .nanoseconds(numbers[1])
    }
    return nil
  }
}
