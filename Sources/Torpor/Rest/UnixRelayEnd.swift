import Linux

/// How the loop watches one of the two sockets of a relay. Level-triggered: what is wanted of it is asked for anew after each
/// move.
final class UnixRelayEnd {
  private let loop: EventLoop
  private var token: EventLoop.Token?
  /// Nothing can be sent there any more, and nothing comes from there but what is there already.
  private(set) var isHungUp = false
  var onEvent: (() -> Void)?

  init(loop: EventLoop) { self.loop = loop }

  func watch(_ descriptor: borrowing OwnedFD, for readiness: Readiness) throws(Errno) {
    // A hang-up is told whether it is asked for or not, in every turn of the loop: only where something is wanted there.
    if isHungUp, readiness.isEmpty { return unwatch(descriptor) }
    if let token { return loop.change(token, descriptor, to: readiness) }
    token = try loop.add(descriptor, for: readiness) { [weak self] in self?.handle($0) }
  }

  func unwatch(_ descriptor: borrowing OwnedFD) {
    if let token { loop.remove(token, descriptor) }
    token = nil
  }

  private func handle(_ readiness: Readiness) {
    if !readiness.isDisjoint(with: [.hangUp, .error]) { isHungUp = true }
    onEvent?()
  }
}
