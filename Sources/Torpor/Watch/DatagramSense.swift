import Lifecycle
import Linux

/// Sees what comes to the held UDP sockets: whether something waits to be read, and when the last datagram came that was.
///
/// The kernel keeps the stamp of the last datagram that somebody has read from a socket, and tells anybody who has the socket
/// (SIOCGSTAMP). No event is needed, and a look at any time is exact.
final class DatagramSense {
  let sockets: () -> [HeldDatagramSocket]
  private var hasWarned = false
  var onWarning: ((String) -> Void)?
  /// Who sent the datagram that waited first at the last look.
  private(set) var firstWaiting: SocketAddress?

  init(sockets: @escaping () -> [HeldDatagramSocket]) { self.sockets = sockets }

  /// What was read before counts for nobody.
  func begin() {
    for socket in sockets() { socket.lastStamp = socket.group.current.lastStamp }
  }

  func sample(at now: Instant) -> Sample {
    var sample = Sample()
    firstWaiting = nil
    // The kernel's stamps are of the clock that people set.
    let realtime = RealtimeClock.now()
    for socket in sockets() {
      if socket.group.current.hasUnread {
        sample.unreadDatagrams += 1
        sample.acceptQueueLength += 1
        firstWaiting = firstWaiting ?? socket.group.current.peekSender()
      }
      if socket.group.current.keepsOwnStamps {
        // It might be used at this moment: what can't be seen is busy.
        sample.hasReceived = true
        sample.noteUse(now)
        warn(socket.name)
      }
      guard let stamp = socket.group.current.lastStamp, stamp != socket.lastStamp else { continue }
      socket.lastStamp = stamp
      sample.hasReceived = true
      let age = UInt64(max(0, realtime - stamp))
      sample.noteUse(Instant(nanoseconds: now.nanoseconds > age ? now.nanoseconds - age : 0))
    }
    return sample
  }

  func queueLengths() -> QueueLengths {
    QueueLengths(current: sockets().count { $0.group.current.hasUnread })
  }

  private func warn(_ name: String) {
    guard !hasWarned else { return }
    hasWarned = true
    onWarning?(
      "the service has asked for time stamps on \(name) (SO_TIMESTAMP), so that nobody else can see when it was last used: "
        + "it is never put to rest")
  }
}

extension Sample {
  fileprivate mutating func noteUse(_ moment: Instant) { lastUse = lastUse.map { max($0, moment) } ?? moment }
}
