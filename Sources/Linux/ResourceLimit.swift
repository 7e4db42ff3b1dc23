import CLinux
import Glibc

/// What a process may use of one thing (setrlimit(2)).
public struct ResourceLimit: Equatable, Sendable {
  /// In systemd's words: "LimitNOFILE" without its "Limit".
  public enum Resource: String, Sendable, CaseIterable {
    case cpuTime = "CPU"
    case fileSize = "FSIZE"
    case data = "DATA"
    case stack = "STACK"
    case core = "CORE"
    case residentSet = "RSS"
    case processes = "NPROC"
    case files = "NOFILE"
    case lockedMemory = "MEMLOCK"
    case addressSpace = "AS"
    case locks = "LOCKS"
    case pendingSignals = "SIGPENDING"
    case messageQueues = "MSGQUEUE"
    case nice = "NICE"
    case realtimePriority = "RTPRIO"
    case realtimeTime = "RTTIME"

    /// RLIMIT_*: these numbers are the kernel's own (asm-generic/resource.h).
    var number: Int32 {
      switch self {
      case .cpuTime: 0
      case .fileSize: 1
      case .data: 2
      case .stack: 3
      case .core: 4
      case .residentSet: 5
      case .processes: 6
      case .files: 7
      case .lockedMemory: 8
      case .addressSpace: 9
      case .locks: 10
      case .pendingSignals: 11
      case .messageQueues: 12
      case .nice: 13
      case .realtimePriority: 14
      case .realtimeTime: 15
      }
    }
  }

  /// No limit.
  public static let infinity = UInt64.max

  public let resource: Resource
  /// In bytes, seconds (`realtimeTime`: microseconds) or pieces, as setrlimit(2) has them.
  public let soft: UInt64
  public let hard: UInt64

  public init(_ resource: Resource, soft: UInt64, hard: UInt64) {
    self.resource = resource
    self.soft = soft
    self.hard = hard
  }

  var request: cl_limit { cl_limit(resource: resource.number, soft: soft, hard: hard) }
}
