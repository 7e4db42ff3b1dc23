import Linux

/// A moment at which the loop calls back, once. Not set, it costs a descriptor and no wakeup.
final class Alarm {
  private var timer: Timer
  private let loop: EventLoop
  private var token: EventLoop.Token?
  var onDue: (() -> Void)?

  init(loop: EventLoop) throws(Errno) {
    self.loop = loop
    timer = try Timer()
    token = try loop.add(timer.descriptor, for: .readable) { [weak self] _ in
      self?.timer.acknowledge()
      self?.onDue?()
    }
  }

  /// In nanoseconds of `MonotonicClock`; nil: not at all.
  func set(to moment: UInt64?) {
    // Setting a timer can't fail with a valid time.
    try? timer.set(to: moment)
  }

  deinit {
    if let token { loop.remove(token, timer.descriptor) }
  }
}

extension Duration {
  /// For sums on the monotonic clock; zero for a negative one.
  var nanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    return UInt64(min(seconds, 9_000_000_000)) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
  }
}
