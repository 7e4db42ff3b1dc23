import Linux

/// A service that is to say every so often that it is alive (WATCHDOG=1).
///
/// What it costs is an alarm, and only while the service runs.
final class Watchdog {
  private let loop: EventLoop
  private var timeout: Duration?
  private var alarm: Alarm?
  private var lastSign: UInt64 = 0
  private var isPaused = false
  var onExpiry: (() -> Void)?

  init(loop: EventLoop) { self.loop = loop }

  /// Begins to count; nil or zero: stops.
  func begin(_ timeout: Duration?) {
    self.timeout = timeout.flatMap { $0 > .zero ? $0 : nil }
    sign()
    setAlarm()
  }

  /// WATCHDOG=1. Costs nothing but a look at the clock, however often it comes.
  func sign() { lastSign = MonotonicClock.now() }

  /// WATCHDOG=trigger.
  func expire() {
    guard timeout != nil else { return }
    end()
    onExpiry?()
  }

  /// Frozen processes can say nothing.
  func pause() {
    isPaused = true
    alarm = nil
  }

  func resume() {
    guard isPaused else { return }
    isPaused = false
    sign()
    setAlarm()
  }

  func end() {
    timeout = nil
    alarm = nil
    isPaused = false
  }

  private func setAlarm() {
    guard let timeout, !isPaused else {
      alarm = nil
      return
    }
    if alarm == nil {
      alarm = Alarm(loop: loop)
      alarm?.onDue = { [weak self] in self?.isDue() }
    }
    alarm?.set(to: lastSign + timeout.nanoseconds)
  }

  private func isDue() {
    guard let timeout else { return }
    if MonotonicClock.now() >= lastSign + timeout.nanoseconds { expire() } else { setAlarm() }
  }
}
