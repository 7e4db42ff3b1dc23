import Linux

/// Unix listeners that no path leads to any more, and nobody but we accept from.
///
/// A client that looks a path up just before it is led elsewhere enters the old socket's queue a moment later. The barrier of
/// a rest outlasts that moment, unless the client is preempted in it or the file system takes its time to note the access.
/// What is in a queue when its listener closes is reset (unix_release_sock). So the last listener of each path stays open and
/// watched until there is a later one, and whoever comes there, however late, is relayed. Whoever comes to a closed one looks
/// the path up again (unix_stream_connect), and loses nothing.
final class Leftovers {
  private final class Listener {
    let socket: UnixSocket
    let target: HeldUnixSocket
    var token: EventLoop.Token?
    var hasWarned = false

    init(_ socket: consuming UnixSocket, target: HeldUnixSocket) {
      self.socket = socket
      self.target = target
    }
  }

  private let relays: UnixRelays
  private let loop: EventLoop
  /// By the index of their paths; more than one only where one could not be emptied for want of descriptors.
  private var listeners: [Int: [Listener]] = [:]
  var onWarning: ((String) -> Void)?

  init(relays: UnixRelays, loop: EventLoop) {
    self.relays = relays
    self.loop = loop
  }

  /// Relays who waits there now, and who still comes.
  func serve(_ socket: consuming UnixSocket, of target: HeldUnixSocket) {
    let listener = Listener(socket, target: target)
    var kept: [Listener] = []
    for earlier in listeners[target.index] ?? [] {
      if empty(earlier) { unwatch(earlier) } else { kept.append(earlier) }
    }
    listeners[target.index] = kept + [listener]
    _ = empty(listener)
  }

  /// There is room for another relay.
  func resume() {
    for listener in listeners.values.joined() where listener.token == nil { _ = empty(listener) }
  }

  /// Nobody is served by way of a path that is no longer held.
  func forget(_ target: HeldUnixSocket) {
    for listener in listeners.removeValue(forKey: target.index) ?? [] { unwatch(listener) }
  }

  /// Relays everybody, and watches for more. Returns whether nobody is left.
  private func empty(_ listener: Listener) -> Bool {
    do throws(Errno) {
      try relays.take(from: listener.socket, to: listener.target)
      listener.hasWarned = false
      if listener.token == nil {
        listener.token = try loop.add(listener.socket.descriptor, for: .readable) { [weak self, weak listener] _ in
          guard let self, let listener else { return }
          _ = empty(listener)
        }
      }
      return true
    } catch {
      if !listener.hasWarned { onWarning?("a connection to \(listener.target.name) has to wait: \(error)") }
      listener.hasWarned = true
      // A full descriptor table would else be met in every turn of the loop.
      unwatch(listener)
      return false
    }
  }

  private func unwatch(_ listener: Listener) {
    if let token = listener.token { loop.remove(token, listener.socket.descriptor) }
    listener.token = nil
  }
}
