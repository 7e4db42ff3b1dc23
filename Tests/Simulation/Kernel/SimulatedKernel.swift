import Lifecycle

/// Listeners, connections and the record of closed ones. It moves things about; what that means is the world's to say.
struct SimulatedKernel {
  enum CloseRecord {
    case off
    case recorded
    case watched
  }

  private(set) var connections: [Connection] = []
  var listeners: [Listener] = []
  var groups: [ListenerGroup] = []
  /// Where new connections go, and where datagrams do.
  var steering = SteeringTarget.current
  var datagramSteering = SteeringTarget.current
  /// A datagram was read since the last sample.
  var hasReceived = false
  /// We have duplicates of the service's connections.
  var isHeld = false
  /// Only what carries something is a use.
  let allowsSilence: Bool
  var closeRecord = CloseRecord.off
  /// Something was closed since the last sample, or the record overran.
  var hasClosed = false

  /// How many connections are between their SYN and their end, and the last moment at which one was.
  private(set) var activeCount = 0
  private var lastActive: UInt64 = 0
  /// The same for those that the service has taken.
  private(set) var withServiceCount = 0
  private var lastWithService: UInt64 = 0
  /// The same with those whom their clients have reset.
  private(set) var lastHandled: UInt64 = 0
  private var lastCookie: UInt64 = 0

  /// The last moment at which a connection that the service has carried something.
  private func lastMove(asSeen: Bool = false) -> UInt64 {
    // One that is reset is in no dump until the service has closed it, which is told.
    connections.reduce(0) {
      $1.wasAccepted && !$1.isReset && $1.kind != .datagram ? max($0, asSeen ? $1.lastDataSeen : $1.lastData) : $0
    }
  }
  private var lastAccept: UInt64 = 0
  /// When the last datagram arrived that the service has read.
  var lastDatagram: UInt64 = 0

  init(sockets: [SocketKind], allowsSilence: Bool) {
    self.allowsSilence = allowsSilence
    for (socket, kind) in sockets.enumerated() {
      listeners.append(Listener(socket: socket, kind: kind))
      groups.append(ListenerGroup(current: socket))
    }
  }

  func lastActivity(at now: UInt64) -> UInt64 {
    guard allowsSilence else { return activeCount > 0 ? now : lastActive }
    return activeCount > withServiceCount ? now : max(lastMove(), lastActive, lastAccept)
  }

  /// `asSeen`: where a silent connection doesn't count, what one of them carries after the last look can't be known of.
  func lastUse(at now: UInt64, asSeen: Bool = false) -> UInt64 {
    max(lastDatagram, allowsSilence ? lastMove(asSeen: asSeen) : withServiceCount > 0 ? now : lastWithService)
  }

  /// It sends or is sent something.
  mutating func carryData(_ id: Int, at now: UInt64) {
    connections[id].lastData = now
  }

  mutating func newCookie() -> UInt64 {
    lastCookie += 1
    return lastCookie
  }

  mutating func addListener(socket: Int) -> Int {
    listeners.append(Listener(socket: socket, kind: listeners[groups[socket].current].kind))
    return listeners.count - 1
  }

  mutating func add(_ connection: Connection) -> Int {
    connections.append(connection)
    return connections.count - 1
  }

  /// The one way to change a connection, so that the counts are right.
  mutating func change(_ id: Int, at now: UInt64, _ body: (inout Connection) -> Void) {
    let wasActive = connections[id].isActive
    let wasWithService = connections[id].isWithService
    body(&connections[id])
    let isActive = connections[id].isActive
    let isWithService = connections[id].isWithService
    if wasActive != isActive {
      activeCount += isActive ? 1 : -1
      lastActive = now
    }
    if wasWithService != isWithService {
      if isWithService {
        connections[id].wasAccepted = true
        lastAccept = now
      }
      withServiceCount += isWithService ? 1 : -1
      lastHandled = now
      // One that is reset goes out of sight at once and is told of when the service closes it.
      if !isWithService, !connections[id].isReset, !connections[id].isPreempted { lastWithService = now }
    }
  }

  func isCurrent(_ listener: Int) -> Bool { groups[listeners[listener].socket].current == listener }

  /// A socket with something in its queue that is watched.
  var isReadable: Bool {
    listeners.contains { $0.isWatched && !$0.isClosed && !$0.queue.isEmpty }
  }

  /// Something has come by a connection that we hold a duplicate of.
  var hasReadableHeld: Bool {
    isHeld && connections.contains { $0.phase == .inHand && $0.kind != .datagram && $0.hasUnreadData }
  }

  /// Nor has anything come by one that counts.
  var isOnlyIgnoredReadable: Bool {
    connections.allSatisfy {
      $0.isIgnored || !($0.phase == .inHand && $0.kind != .datagram && $0.hasUnreadData)
    }
  }

  /// Something that a look now would show, and that counts.
  var hasVisibleUse: Bool {
    connections.contains { connection in
      switch connection.phase {
      case .away, .gone, .synInProcess: false
      case .inHand: connection.isActive && !allowsSilence && connection.kind != .datagram
      case .handshaking, .queued, .limbo: connection.isActive
      }
    }
  }

  mutating func noteLook() {
    for id in connections.indices { connections[id].lastDataSeen = connections[id].lastData }
  }

  /// One look at everything. A connection between queue and hand shows as queued, by its generation mark.
  func sample(hidesLimbo: Bool, hidesHandshakes: Bool, isRunning: Bool, at now: UInt64) -> Sample {
    var sample = Sample()
    for connection in connections where !connection.isReset {
      if connection.isPassedOver(isRunning: isRunning, at: now) { continue }
      if connection.kind == .datagram {
        if connection.phase == .queued, isCurrent(connection.listener) { sample.unreadDatagrams += 1 }
        continue
      }
      if connection.phase == .inHand, allowsSilence {
        // It is in the middle of something.
        sample.noteUse(connection.isIgnored ? now : connection.lastData)
      }
      switch connection.phase {
      case .away, .synInProcess, .gone: continue
      case .handshaking: if !hidesHandshakes { sample.handshakes.insert(connection.cookie) }
      case .inHand: sample.accepted += 1
      case .limbo where hidesLimbo: continue
      case .queued, .limbo:
        if isCurrent(connection.listener) {
          sample.queuedOnCurrent.insert(connection.cookie)
        } else {
          sample.queuedOnNext.insert(connection.cookie)
        }
      }
    }
    for group in groups where !group.isAbandoned {
      if let lastRead = listeners[group.current].lastRead { sample.noteUse(lastRead) }
    }
    sample.hasClosed = hasClosed
    sample.hasReceived = hasReceived
    sample.acceptQueueLength = queueLengths.current
    return sample
  }

  /// Somebody waits, and nobody who counts.
  var isOnlyIgnoredWaiting: Bool {
    var isAnybody = false
    for connection in connections where !connection.isReset && isCurrent(connection.listener) {
      switch connection.phase {
      case .queued, .limbo:
        isAnybody = true
        if !connection.isIgnored { return false }
      case .away, .synInProcess, .handshaking, .inHand, .gone: break
      }
    }
    return isAnybody
  }

  /// A datagram waits that came to a next socket: it can't go back.
  var hasCommitted: Bool {
    groups.contains { group in
      guard let next = group.next, listeners[next].kind == .datagram else { return false }
      return !listeners[next].queue.isEmpty
    }
  }

  /// tcpi_unacked of each listener: connections that were reset while they waited are in it.
  var queueLengths: QueueLengths {
    var lengths = QueueLengths(current: 0)
    for group in groups where !group.isAbandoned {
      lengths.current += listeners[group.current].queue.count
      if let next = group.next, !listeners[next].queue.isEmpty {
        lengths.next[listeners[next].socket] = listeners[next].queue.count
      }
    }
    return lengths
  }
}

extension Sample {
  fileprivate mutating func noteUse(_ moment: UInt64) {
    let moment = Instant(nanoseconds: moment)
    lastUse = lastUse.map { max($0, moment) } ?? moment
  }
}
