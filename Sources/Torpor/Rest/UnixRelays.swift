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
  /// Those that found their service's queue full, in the order in which they came.
  private var waiting: [UnixRelay] = []
  private let queueAlarm: Alarm

  init(loop: EventLoop) {
    self.loop = loop
    roomAlarm = Alarm(loop: loop)
    queueAlarm = Alarm(loop: loop)
    roomAlarm.onDue = { [weak self] in self?.onEnd?() }
    queueAlarm.onDue = { [weak self] in self?.beginWaiting() }
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
      do throws(Errno) {
        // Nobody gets in before who came earlier.
        let isUnderWay = waiting.contains { $0.target === target } ? false : try relay.begin()
        if !isUnderWay { wait(relay) }
      } catch {
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

  // MARK: full queues

  /// As long as the service has a socket, as the client itself would (connect(2)).
  private func wait(_ relay: UnixRelay) {
    waiting.append(relay)
    if queueAlarm.due == nil { queueAlarm.set(to: MonotonicClock.now() + Self.queueNanoseconds) }
  }

  private static let queueNanoseconds: UInt64 = 50_000_000

  /// Of each service the first tries; the others only if there was room for it.
  private func beginWaiting() {
    var full: Set<ObjectIdentifier> = []
    var done: Set<ObjectIdentifier> = []
    var isOver = false
    // More may come while one begins.
    for relay in waiting where !full.contains(ObjectIdentifier(relay.target)) {
      do throws(Errno) {
        guard try relay.begin() else {
          full.insert(ObjectIdentifier(relay.target))
          continue
        }
      } catch {
        // There is nothing left to connect to.
        open[ObjectIdentifier(relay)] = nil
        isOver = true
      }
      done.insert(ObjectIdentifier(relay))
    }
    waiting.removeAll { done.contains(ObjectIdentifier($0)) }
    if !waiting.isEmpty { queueAlarm.set(to: MonotonicClock.now() + Self.queueNanoseconds) }
    if isOver { onEnd?() }
  }
}
