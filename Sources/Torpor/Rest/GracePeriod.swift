import Linux

/// The barrier of a drain as an event of the loop.
final class GracePeriod {
  private var barrier: Barrier?
  private var token: EventLoop.Token?
  private let loop: EventLoop
  private var onPassed: (() -> Void)?
  /// The child that waits for it.
  private(set) var helper: Int32?

  init(loop: EventLoop) { self.loop = loop }

  /// Calls `body` when every SYN that was being processed at this moment has been dealt with. One at a time: a further call
  /// takes the place of the one before, whose caller no longer waits.
  func begin(_ body: @escaping () -> Void) {
    onPassed = body
    finish()
    start()
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
      finish()
      Barrier.waitHere()
      passed()
    }
  }

  private func ended() {
    // Killed by somebody, the child has waited for nothing: again.
    if finish() { passed() } else { start() }
  }

  private func passed() {
    let body = onPassed
    onPassed = nil
    body?()
  }

  /// Waits for the child if there is one. Returns whether a grace period has passed.
  @discardableResult private func finish() -> Bool {
    guard let ending = barrier.take() else { return false }
    if let token { loop.remove(token, ending.descriptor) }
    token = nil
    helper = nil
    return ending.finish()
  }
}
