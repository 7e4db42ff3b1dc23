import Linux

/// The barrier of a drain as an event of the loop.
final class GracePeriod {
  private var barrier: Barrier?
  private var token: EventLoop.Token?
  private let loop: EventLoop
  /// The barrier under way began before the one that is now asked for.
  private var isOutdated = false
  private var onPassed: (() -> Void)?
  /// The child that waits for it.
  private(set) var helper: Int32?

  init(loop: EventLoop) { self.loop = loop }

  /// Calls `body` when every SYN that was being processed at this moment has been dealt with. One at a time: a further call
  /// takes the place of the one before, whose caller no longer waits.
  func begin(_ body: @escaping () -> Void) {
    onPassed = body
    if isUnderWay {
      // What it waits for began before this moment. It is let end, as to wait for it here would block the loop; then anew.
      isOutdated = true
    } else {
      start()
    }
  }

  private var isUnderWay: Bool {
    switch barrier {
    case .some: true
    case .none: false
    }
  }

  private func start() {
    do throws(Errno) {
      let started = try Barrier()
      helper = started.pid
      token = try loop.add(started.descriptor, for: .readable) { [weak self] _ in self?.ended() }
      barrier = consume started
    } catch {
      // No process or descriptor can be had. One grace period in our own time (8–20 ms) is better than a service that
      // can never rest on a machine so full.
      Barrier.waitHere()
      passed()
    }
  }

  private func ended() {
    // Killed by somebody, the child has waited for nothing; outdated, for too little: again.
    let isEnough = finish() && !isOutdated
    isOutdated = false
    if isEnough { passed() } else { start() }
  }

  private func passed() {
    let body = onPassed
    onPassed = nil
    body?()
  }

  /// Reaps the child, which has ended. Returns whether a grace period has passed.
  private func finish() -> Bool {
    guard let ending = barrier.take() else { return false }
    if let token { loop.remove(token, ending.descriptor) }
    token = nil
    helper = nil
    return ending.finish()
  }
}
