import Glibc

/// Accepts on blocking sockets, with a thread for each connection, as many old servers and most of Java's do.
enum BlockingServer {
  static func serve(_ listeners: [Listener], _ behaviours: Behaviours) -> Never {
    for listener in listeners.dropFirst() {
      let descriptor = listener.accepting
      Thread.start { accept(on: descriptor, behaviours) }
    }
    if let first = listeners.first { accept(on: first.accepting, behaviours) }
    sleepForEver()
  }

  /// Until the listener is shut down.
  private static func accept(on listener: Int32, _ behaviours: Behaviours) {
    while true {
      let connection = Glibc.accept(listener, nil, nil)
      if connection < 0 {
        if errno == EINVAL { return }
        // Somebody set O_NONBLOCK on the open file that they share with us: this loop would spin.
        if errno == EAGAIN { die("accept said EAGAIN", exitCode: 3) }
        if errno == EINTR || errno == ECONNABORTED { continue }
        dieOfSystemError("accept")
      }
      Listener.checkAccepted(connection, behaviours)
      if behaviours.isOneShot { converse(on: connection, behaviours) }
      Thread.start { converse(on: connection, behaviours) }
    }
  }

  private static func converse(on connection: Int32, _ behaviours: Behaviours) {
    var conversation = Conversation(connection, behaviours)
    while conversation.continues(receiveFlags: 0) {}
  }
}
