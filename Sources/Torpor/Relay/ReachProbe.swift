import Linux

/// Asks a starting service's address for a connection, again and again, until it gives one: then it serves.
///
/// The connection isn't thrown away: it becomes that of the first client, so that the service sees as many as there are clients.
final class ReachProbe {
  private let target: RelayTarget
  private let loop: EventLoop
  private let alarm: Alarm
  private var attempt: RelayEnd?
  private var retry = ConnectRetry()
  private var isStarted = false
  private(set) var lastFailure: Errno?
  var onReached: ((RelayEnd) -> Void)?
  /// A packet filter or an absent machine may leave an attempt unanswered: then another, as the first would be sent again
  /// only after a second (TCP's initial retransmission timeout).
  private static let attemptMax = Duration.seconds(1)

  init(_ target: RelayTarget, loop: EventLoop) {
    self.target = target
    self.loop = loop
    alarm = Alarm(loop: loop)
    alarm.onDue = { [weak self] in self?.next() }
  }

  func begin() {
    isStarted = true
    retry = ConnectRetry()
    lastFailure = nil
    next()
  }

  func end() {
    isStarted = false
    drop()
    alarm.set(to: nil)
  }

  private func drop() {
    attempt?.unwatch(loop)
    attempt = nil
  }

  private func next() {
    guard isStarted else { return }
    if attempt != nil { lastFailure = .timedOut }
    drop()
    do throws(Errno) {
      let end = try target.makeEnd()
      if try target.connect(end, for: nil) { return reached(end) }
      attempt = end
      try end.watch(loop) { [weak self] readiness in
        if !readiness.isDisjoint(with: [.writable, .error, .hangUp]) { self?.answered() }
      }
      alarm.set(to: MonotonicClock.now() + Self.attemptMax.nanoseconds)
    } catch { later(error) }
  }

  private func answered() {
    guard let end = attempt else { return }
    if let error = end.socket.pendingError() { return later(error) }
    if target.isMistaken(end) { return later(.refused) }
    reached(end)
  }

  private func later(_ error: Errno) {
    lastFailure = error
    drop()
    alarm.set(to: retry.next(after: MonotonicClock.now()))
  }

  private func reached(_ end: RelayEnd) {
    // It goes to another's care.
    end.unwatch(loop)
    attempt = nil
    isStarted = false
    alarm.set(to: nil)
    onReached?(end)
  }
}
