import Linux

/// The relays under way.
final class Relays {
  private var all: [ObjectIdentifier: Relay] = [:]
  /// Those that something is due for: not yet connected, or about to be reset.
  private var timed: [ObjectIdentifier: Relay] = [:]
  private let alarm: Alarm
  private let numberLimit: Int32
  private let loop: EventLoop
  /// How long an accepted connection may wait for the service to be reachable; nil: for ever.
  private let reachTimeout: Duration?
  /// There may be descriptors again for what had to wait.
  var onRoom: (() -> Void)?
  var onOpened: ((Relay) -> Void)?
  /// One that was open has ended.
  var onClosed: ((Relay) -> Void)?
  var onWarning: ((String) -> Void)?
  /// Why the service could not be reached at the last try.
  private(set) var lastFailure: Errno?
  private var hasWarned = false
  private var retriesRoomAt: UInt64?
  private var armedFor: UInt64?

  init(loop: EventLoop, reachTimeout: Duration?) {
    self.loop = loop
    alarm = Alarm(loop: loop)
    self.reachTimeout = reachTimeout
    // What a service's start and end take are some files at a time: relays don't take the last descriptors.
    numberLimit = Int32(clamping: max(64, FileLimit.current?.soft ?? 1024) - 32)
  }

  /// How many there have been.
  private(set) var begun = 0
  var count: Int { all.count }
  /// Accepted, and not connected to the service.
  var pending: [Relay] { timed.values.filter { !$0.isOpen } }
  /// The service can't be reached at present, as far as one of them has found.
  var hasFailed: Bool { timed.values.contains { $0.hasFailed } }

  /// The same from a listener that a service shares: with it what it has set.
  func take(fromShared listener: borrowing TCPSocket, to target: RelayTarget) throws(Errno) {
    let flags = try listener.descriptor.statusFlags()
    try listener.descriptor.setNonBlocking(true)
    defer { try? listener.descriptor.setStatusFlags(flags) }
    try take(from: listener.descriptor, to: target)
  }

  /// Accepts what waits on `listener`, which doesn't block, `limit` connections at most, and relays it to `target`. Throws when one
  /// had to be left there; `onRoom` says when to try again. `connected`: a connection to the service for the first.
  func take(
    from listener: borrowing OwnedFD, to target: RelayTarget, header: ProxyProtocol? = nil,
    limit: Int = Int(SocketSettings.defaultBacklog), connected: RelayEnd? = nil
  ) throws(Errno) {
    var connected = connected
    do throws(Errno) {
      for _ in 0..<limit {
        guard try takeOne(from: listener, to: target, header, connected) else { return }
        connected = nil
      }
    } catch {
      // Other descriptors than those of relays may be closed, which nothing announces.
      retriesRoomAt = MonotonicClock.now() + Duration.seconds(1).nanoseconds
      schedule(retriesRoomAt)
      throw error
    }
  }

  private func takeOne(
    from listener: borrowing OwnedFD, to target: RelayTarget, _ header: ProxyProtocol?, _ connected: RelayEnd?
  ) throws(Errno) -> Bool {
    // Asked first, so that nothing is made for nobody.
    guard listener.isReadableNow() else { return false }
    let parts = try Relay.Parts(target, service: connected)
    guard parts.downward.highestDescriptor < numberLimit else { throw .tooManyFiles }
    guard let connection = try TCPSocket.acceptConnection(from: listener) else { return false }
    let relay = Relay(
      connection, parts, to: target, header: header,
      giveUpAt: reachTimeout.map { MonotonicClock.now() + $0.nanoseconds }, loop: loop, owner: self)
    all[ObjectIdentifier(relay)] = relay
    begun += 1
    do throws(Errno) { try relay.begin(isConnected: connected != nil) } catch {
      // The kernel has no room for another registration in epoll.
      relay.abort()
      throw error
    }
    timesChanged(of: relay)
    return true
  }

  // MARK: what relays say

  func opened(_ relay: Relay) {
    lastFailure = nil
    hasWarned = false
    timesChanged(of: relay)
    onOpened?(relay)
    if !hasFailed { onRoom?() }
  }

  func failed(_ relay: Relay, _ error: Errno) {
    lastFailure = error
    timesChanged(of: relay)
  }

  func gaveUp(_ relay: Relay, _ error: Errno) {
    guard !hasWarned else { return }
    hasWarned = true
    let client = relay.clientAddress.map { " of \($0)" } ?? ""
    if error == .notPermitted {
      onWarning?("connections of other users to \(relay.target) are closed: they would be somebody else to the service")
      return
    }
    onWarning?(
      "the connection\(client) is closed, as \(relay.target) could not be reached for "
        + "\(TimeSpan.describe(reachTimeout ?? .zero)): \(lastFailure ?? error)")
  }

  func ended(_ relay: Relay, wasOpen: Bool) {
    guard all.removeValue(forKey: ObjectIdentifier(relay)) != nil else { return }
    timed[ObjectIdentifier(relay)] = nil
    if wasOpen { onClosed?(relay) }
    onRoom?()
    finishIfAllEnded()
  }

  func timesChanged(of relay: Relay) {
    let key = ObjectIdentifier(relay)
    guard all[key] != nil else { return }
    // Without a time limit one that is connecting has nothing due, and still is none that is open.
    timed[key] = relay.due != nil || !relay.isOpen ? relay : nil
    schedule(relay.due)
  }

  /// The service serves: whoever has been accepted for it in vain need not wait for the next try. `end`: a connection to it.
  /// Returns whether that has been used.
  func retryNow(by end: RelayEnd?) -> Bool {
    let waiting = pending
    for (position, relay) in waiting.enumerated() { relay.retryNow(by: position == 0 ? end : nil) }
    return end != nil && !waiting.isEmpty
  }

  // MARK: the end

  private var finishing: (deadline: UInt64, body: () -> Void)?

  /// The service is gone: passes on what it has sent, for a while at most, and then calls `body`.
  func finish(within limit: Duration, _ body: @escaping () -> Void) {
    let deadline = MonotonicClock.now() + limit.nanoseconds
    finishing = (deadline, body)
    for relay in all.values { relay.finish() }
    schedule(deadline)
    finishIfAllEnded()
  }

  private func finishIfAllEnded() {
    guard let finishing, all.isEmpty || finishing.deadline <= MonotonicClock.now() else { return }
    self.finishing = nil
    finishing.body()
  }

  // MARK: time

  /// Calls no later than at `moment`: perhaps earlier, and finds nothing due.
  private func schedule(_ moment: UInt64?) {
    guard let moment, armedFor.map({ moment < $0 }) ?? true else { return }
    armedFor = moment
    alarm.onDue = { [weak self] in self?.timePassed() }
    alarm.set(to: moment)
  }

  /// Nothing is accepted any more for a while: no need to know when there is room for more. Until here the alarm may be set for
  /// nothing, which is cheaper than to set and unset it with each connection.
  func pause() {
    retriesRoomAt = nil
    guard timed.isEmpty, finishing == nil else { return }
    armedFor = nil
    alarm.set(to: nil)
  }

  private func timePassed() {
    let now = MonotonicClock.now()
    armedFor = nil
    for relay in timed.values { relay.timePassed(now) }
    if let due = retriesRoomAt, due <= now {
      retriesRoomAt = nil
      onRoom?()
    }
    finishIfAllEnded()
    schedule(finishing?.deadline)
    schedule(retriesRoomAt)
    for relay in timed.values { schedule(relay.due) }
  }
}
