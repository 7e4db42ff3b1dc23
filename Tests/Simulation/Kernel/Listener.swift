import Lifecycle

/// A listening socket.
struct Listener {
  let socket: Int
  let kind: SocketKind
  var isListening = true
  var isClosed = false
  /// The service has shut it down and the shell has not been told yet.
  var isShutDownUntold = false
  /// In the shell's epoll set.
  var isWatched = false
  /// Connections whose handshake has ended, in order.
  var queue: [Int] = []
  /// When the last datagram arrived that was read from it.
  var lastRead: UInt64?
}

/// The SO_REUSEPORT group of one held address.
struct ListenerGroup {
  var current: Int
  var next: Int?
  var isAbandoned = false

  /// The listener that the steering program chooses.
  func chosen(_ target: SteeringTarget) -> Int {
    switch target {
    case .current: current
    case .next: next ?? current
    }
  }
}
