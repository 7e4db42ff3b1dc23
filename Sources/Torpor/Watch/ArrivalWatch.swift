import Linux

/// Hears of connections that arrive at unix sockets, for all services of one loop: the signals are the thread's, so that only one
/// can take them.
final class ArrivalWatch {
  private let loop: EventLoop
  private var signal: ArrivalSignal?
  private var listeners: [ObjectIdentifier: Listener] = [:]

  private struct Listener {
    weak var sense: UnixSense?
  }

  init(loop: EventLoop) { self.loop = loop }

  /// `sense` is told of signals, of its own sockets and of others', until it is forgotten.
  func add(_ sense: UnixSense) throws(Errno) {
    if signal == nil {
      let made = try ArrivalSignal()
      _ = try loop.add(made.descriptor, for: .readable) { [weak self] _ in self?.take() }
      signal = consume made
    }
    listeners[ObjectIdentifier(sense)] = Listener(sense: sense)
  }

  func forget(_ sense: UnixSense) { listeners[ObjectIdentifier(sense)] = nil }

  /// Hands out everything that has come.
  func take() {
    let numbers: [Int32]?
    switch signal {
    case .some(let signal): numbers = signal.take()
    case .none: return
    }
    if let numbers, numbers.isEmpty { return }
    for (id, listener) in listeners {
      guard let sense = listener.sense else {
        listeners[id] = nil
        continue
      }
      sense.handleArrivals(at: numbers.map(Set.init))
    }
  }
}
