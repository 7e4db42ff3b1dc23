import CLinux
import Glibc

/// What epoll reports of one descriptor (epoll_ctl(2)).
public struct Readiness: OptionSet, Sendable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }
  public static let readable = Readiness(rawValue: 0x001)
  public static let priority = Readiness(rawValue: 0x002)
  public static let writable = Readiness(rawValue: 0x004)
  /// Reported whether asked for or not.
  public static let error = Readiness(rawValue: 0x008)
  public static let hangUp = Readiness(rawValue: 0x010)
  /// The other side, or shutdown(2), has ended what can be read.
  public static let readHangUp = Readiness(rawValue: 0x2000)
  /// Asked for only: each change is reported once (EPOLLET).
  public static let edgeTriggered = Readiness(rawValue: 1 << 31)
}

/// An epoll instance, level-triggered. A token says whose event it is.
@safe public struct Epoll: ~Copyable {
  public struct Event: Equatable, Sendable {
    public let token: UInt64
    public let readiness: Readiness
  }

  /// Readable while there are events: an instance can be watched by another.
  public let descriptor: OwnedFD
  private var buffer = unsafe [epoll_event](repeating: epoll_event(), count: 64)

  public init() throws(Errno) {
    descriptor = try OwnedFD(owning: try call { epoll_create1(Int32(EPOLL_CLOEXEC)) }).kept()
  }

  public func add(_ watched: borrowing OwnedFD, for readiness: Readiness, token: UInt64) throws(Errno) {
    try control(EPOLL_CTL_ADD, watched.number, readiness, token)
  }

  public func change(_ watched: borrowing OwnedFD, to readiness: Readiness, token: UInt64) throws(Errno) {
    try control(EPOLL_CTL_MOD, watched.number, readiness, token)
  }

  public func remove(_ watched: borrowing OwnedFD) throws(Errno) {
    try control(EPOLL_CTL_DEL, watched.number, [], 0)
  }

  private func control(_ operation: Int32, _ number: Int32, _ readiness: Readiness, _ token: UInt64) throws(Errno) {
    var event = unsafe epoll_event(events: readiness.rawValue, data: epoll_data_t(u64: token))
    let epoll = descriptor.number
    _ = try call { unsafe epoll_ctl(epoll, operation, number, &event) }
  }

  /// Waits without a time limit; polling, not at all. Returns what there is, 64 events at most; none when a signal or a stop ended the wait.
  public mutating func wait(isPolling: Bool = false) throws(Errno) -> [Event] {
    let epoll = descriptor.number
    let capacity = unsafe Int32(buffer.count)
    let count = unsafe epoll_wait(epoll, &buffer, capacity, isPolling ? 0 : -1)
    if count < 0 {
      let code = errno
      if code == EINTR { return [] }
      throw Errno(code)
    }
    return (0..<Int(count)).map { index in
      let event = unsafe buffer[index]
      return unsafe Event(token: event.data.u64, readiness: Readiness(rawValue: event.events))
    }
  }
}
