import Lifecycle
import Linux

/// What isn't steered: abstract names, datagrams and FIFOs.
extension UnixSense {
  /// An abstract name has no file; an accepted connection has its listener's name.
  func count(
    _ socket: HeldAbstractSocket, _ table: SocketTable, in sample: inout Sample
  ) throws(SockDiagError) {
    let listener = try listener(socket.socket)
    sample.acceptQueueLength += Int(listener.queueLength ?? 0)
    noteWaiting(listener, at: socket.name)
    let accepted = table.unixConnections.filter { $0.address == socket.address && $0.type == listener.type }
    note(
      Set(accepted.map { UInt64($0.inode) }), waitingClients(listener, socket, generation: 0), of: socket, in: &sample)
  }

  /// Nobody keeps a stamp of these: the signal tells that something has come since the last look, and poll(2) whether
  /// something is left.
  func count(messagesOf socket: any SignalledSocket, in sample: inout Sample, at now: Instant) {
    let isUnread = socket.hasUnread
    let hasCome = socket.arrivals.hasArrived
    // It may have been read at any moment since.
    if hasCome || socket.arrivals.hadWaiting && !isUnread { sample.lastUse = now }
    if isUnread {
      sample.unreadDatagrams += 1
      sample.acceptQueueLength += 1
    } else if hasCome || socket.arrivals.hadWaiting {
      sample.hasReceived = true
    }
    socket.arrivals.hasArrived = false
    socket.arrivals.hadWaiting = isUnread
    if let fifo = socket as? HeldFIFO { noteUnread(fifo, hasCome: hasCome, at: now) }
  }

  /// No bind() tells that the service means it. What nobody reads would keep it up for ever.
  private func noteUnread(_ fifo: HeldFIFO, hasCome: Bool, at now: Instant) {
    let bytes = fifo.fifo.unreadBytes
    guard bytes > 0, !hasCome, let unread = fifo.unread, unread.bytes == bytes else {
      fifo.unread = bytes > 0 ? (bytes, now) : nil
      return
    }
    if let patience, now.since(unread.since) >= patience { onIgnored?(fifo) }
  }
}

extension SignalledSocket {
  /// Something waits to be read.
  var hasUnread: Bool {
    var isReadable = false
    try? withCurrent { isReadable = $0.readiness().contains(.readable) }
    return isReadable
  }

  func disarm() { try? withCurrent { ArrivalSignal.disarm($0) } }
}
