import Glibc

/// Accepts and replies on one thread, by poll(2). A listener in an epoll is waited for through that epoll alone.
struct PollServer {
  private let behaviours: Behaviours
  private var listeners: [Listener]
  private var conversations: [Int32: Conversation] = [:]

  init(_ listeners: [Listener], _ behaviours: Behaviours) {
    self.listeners = listeners
    self.behaviours = behaviours
  }

  mutating func serve() -> Never {
    while true {
      let waitedFor = listeners.map { $0.epoll?.descriptor ?? $0.accepting } + conversations.keys
      var interests = waitedFor.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      guard poll(&interests, nfds_t(interests.count), -1) > 0 else { continue }
      let ready = Set(interests.filter { $0.revents != 0 }.map(\.fd))

      for descriptor in conversations.keys where ready.contains(descriptor) {
        let continues = conversations[descriptor]?.continues(receiveFlags: Int32(MSG_DONTWAIT)) ?? false
        if !continues { conversations[descriptor] = nil }
      }
      for listener in listeners {
        if let epoll = listener.epoll {
          if ready.contains(epoll.descriptor) && epoll.ready().contains(listener.accepting) { accept(on: listener) }
        } else if ready.contains(listener.accepting) {
          accept(on: listener)
        }
      }
    }
  }

  /// One connection for each readiness, as simple servers do; with `--nonblocking` all there are, as fast ones do.
  private mutating func accept(on listener: Listener) {
    repeat {
      if behaviours.accepting == .nonblocking && !hasStatusFlag(O_NONBLOCK, listener.accepting) {
        die("accept would block", exitCode: 4)
      }
      let connection = Glibc.accept(listener.accepting, nil, nil)
      if connection < 0 {
        if errno == EINVAL { forget(listener) }
        return
      }
      Listener.checkAccepted(connection, behaviours)
      conversations[connection] = Conversation(connection, behaviours)
      if behaviours.isOneShot { return listeners.removeAll() }
    } while behaviours.accepting == .nonblocking
  }

  /// A listener that was shut down is ready for ever and accepts nothing. Its descriptor stays open, and the
  /// connections in hand go on.
  private mutating func forget(_ listener: Listener) {
    listener.epoll?.remove(listener.accepting)
    listeners.removeAll { $0.accepting == listener.accepting }
  }
}
