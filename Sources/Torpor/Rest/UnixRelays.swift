import Linux

/// The relays of unix connections under way.
final class UnixRelays {
  private var open: [ObjectIdentifier: UnixRelay] = [:]
  private let loop: EventLoop
  /// There may be descriptors for another: one has ended, or some time has passed.
  var onEnd: (() -> Void)?
  var onWarning: ((String) -> Void)?
  /// How many there have been.
  private(set) var begun = 0
  var count: Int { open.count }
  private let roomAlarm: Alarm

  init(loop: EventLoop) {
    self.loop = loop
    roomAlarm = Alarm(loop: loop)
    roomAlarm.onDue = { [weak self] in self?.onEnd?() }
  }

  /// Accepts everything that waits on `listener`, which is ours alone, and relays it to `target`'s current socket.
  /// Throws when one had to be left there.
  func take(from listener: borrowing UnixSocket, to target: HeldUnixSocket) throws(Errno) {
    try listener.descriptor.setNonBlocking(true)
    do throws(Errno) {
      // Bounded by the longest queue there can be.
      for _ in 0..<SocketSettings.defaultBacklog {
        // All that a relay needs is had before the connection is accepted: what can't be served stays in the queue.
        let service = try UnixSocket(target.type)
        guard let client = try listener.accept() else { return }
        begin(client, service, to: target)
      }
    } catch {
      // Other descriptors than those of relays may be closed, which nothing announces.
      roomAlarm.set(to: MonotonicClock.now() + Self.retryNanoseconds)
      throw error
    }
  }

  private static let retryNanoseconds: UInt64 = 1_000_000_000

  private func begin(_ client: consuming UnixSocket, _ service: consuming UnixSocket, to target: HeldUnixSocket) {
    do throws(UnixRelay.Obstacle) {
      let relay = try UnixRelay(client, service, to: target, loop: loop) { [weak self] relay in
        self?.open[ObjectIdentifier(relay)] = nil
        self?.onEnd?()
      }
      open[ObjectIdentifier(relay)] = relay
      begun += 1
      do throws(Errno) { try relay.begin() } catch {
        open[ObjectIdentifier(relay)] = nil
        throw .kernel(error)
      }
    } catch {
      switch error {
      case .identity(let user):
        onWarning?(
          "a connection to \(target.name) came late, and passing it on would make user \(user) somebody else: closed")
      case .kernel(let errno): onWarning?("a connection to \(target.name) could not be passed on: \(errno)")
      }
    }
  }
}
