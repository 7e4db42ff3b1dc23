import Linux

/// Unix listeners that nobody accepts from any more, until surely nobody comes to them either.
///
/// A client that has looked a path up just before it led elsewhere enters the old socket's queue a moment later. What is in
/// the queue when its listener closes is reset; whoever comes after that looks the path up again (unix_stream_connect). So
/// each stays open for a grace period, which outlasts that moment, and whoever waits there is relayed.
final class Leftovers {
  private final class Listener {
    let socket: UnixSocket
    let target: HeldUnixSocket
    let grace: GracePeriod
    var isOver = false

    init(_ socket: consuming UnixSocket, target: HeldUnixSocket, loop: EventLoop) {
      self.socket = socket
      self.target = target
      grace = GracePeriod(loop: loop)
    }
  }

  private let relays: UnixRelays
  private let loop: EventLoop
  private var open: [ObjectIdentifier: Listener] = [:]
  var onWarning: ((String) -> Void)?

  init(relays: UnixRelays, loop: EventLoop) {
    self.relays = relays
    self.loop = loop
  }

  /// Children that wait, and belong to no service.
  var helpers: [Int32] { open.values.compactMap(\.grace.helper) }

  func serve(_ socket: consuming UnixSocket, of target: HeldUnixSocket) {
    let listener = Listener(socket, target: target, loop: loop)
    open[ObjectIdentifier(listener)] = listener
    relay(listener)
    listener.grace.begin { [weak self, weak listener] in
      guard let self, let listener else { return }
      listener.isOver = true
      relay(listener)
    }
  }

  /// There is room for another relay.
  func resume() {
    for listener in Array(open.values) { relay(listener) }
  }

  private func relay(_ listener: Listener) {
    do throws(Errno) {
      try relays.take(from: listener.socket, to: listener.target)
      if listener.isOver { open[ObjectIdentifier(listener)] = nil }
    } catch {
      onWarning?("a connection to \(listener.target.name) has to wait: \(error)")
    }
  }
}
