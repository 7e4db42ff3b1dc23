import Foundation

/// A moment by which something must have happened. Every wait of these tests is bounded by one.
struct Deadline: Sendable {
  private let instant: ContinuousClock.Instant

  init(after duration: Duration) { instant = .now + duration }

  var remaining: Duration { max(.zero, ContinuousClock.now.duration(to: instant)) }
  var hasPassed: Bool { remaining == .zero }
  /// For poll(2): rounded up, so that a wait never ends before its time.
  var remainingMilliseconds: Int32 { Int32((remaining.seconds * 1000).rounded(.up)) }
  /// For NSCondition.
  var date: Date { Date(timeIntervalSinceNow: remaining.seconds) }
}

extension Duration {
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}

/// Seconds since the epoch, comparable with the "time" of Torpor's events.
func wallClockSeconds() -> Double { Date().timeIntervalSince1970 }
