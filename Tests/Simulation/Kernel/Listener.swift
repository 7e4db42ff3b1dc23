import Lifecycle

/// A listening socket.
struct Listener {
  let socket: Int
  var isListening = true
  var isClosed = false
  /// The service has shut it down and the shell has not been told yet.
  var isShutDownUntold = false
  /// In the shell's epoll set.
  var isWatched = false
  /// Connections whose handshake has ended, in order.
  var queue: [Int] = []
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
