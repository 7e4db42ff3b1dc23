import CLinux
import Glibc

/// CLOCK_MONOTONIC: seconds that the machine was running, untouched by clock changes.
public enum MonotonicClock {
  /// Nanoseconds since an arbitrary start.
  public static func now() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

/// CLOCK_REALTIME, which the kernel stamps datagrams by, and which may be set.
public enum RealtimeClock {
  /// Nanoseconds since 1970.
  public static func now() -> Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}

/// A timerfd on the monotonic clock. Disarmed, it makes no wakeup.
public struct Timer: ~Copyable {
  public let descriptor: OwnedFD
  private var armedAt: UInt64?

  public init() throws(Errno) {
    descriptor = try OwnedFD(
      owning: try call { timerfd_create(CLOCK_MONOTONIC, Int32(TFD_CLOEXEC | TFD_NONBLOCK)) }
    ).kept()
  }

  /// Expires once at `nanoseconds` on the monotonic clock, at once if that is past; nil: never.
  public mutating func set(to nanoseconds: UInt64?) throws(Errno) {
    guard nanoseconds != armedAt else { return }
    armedAt = nanoseconds
    var setting = itimerspec()
    if let nanoseconds {
      let capped = max(1, min(nanoseconds, UInt64(Int64.max)))
      setting.it_value = timespec(tv_sec: Int(capped / 1_000_000_000), tv_nsec: Int(capped % 1_000_000_000))
    }
    let number = descriptor.number
    _ = try call { unsafe timerfd_settime(number, Int32(TFD_TIMER_ABSTIME), &setting, nil) }
  }

  /// Takes the expiry, so that the descriptor is no longer readable.
  public mutating func acknowledge() {
    armedAt = nil
    var count = [UInt8](repeating: 0, count: 8)
    _ = try? descriptor.read(into: &count)
  }
}
