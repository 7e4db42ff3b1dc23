import Linux

// What is told of clients that are no connections (yet), to a person who asks why a service is awake.

extension Service {
  /// Datagrams, messages and what is in FIFOs; nil: none of these is held.
  func explainMessages() -> Explanation.Answer? {
    var seen = (datagramSense?.explain() ?? []) + (unixSense?.explainMessages() ?? [])
    guard !seen.isEmpty else { return nil }
    // What keeps it up comes first.
    seen.sort { $0.isBusy && !$1.isBusy }
    return Explanation.Answer(
      name: SenseTable.messages, isBusy: seen[0].isBusy, since: nil,
      evidence: seen.prefix(Explanation.connectionsMax).map(\.line))
  }
}

extension DatagramSense {
  /// What it sees of each socket at this moment, for a person, with no effect on the next look.
  func explain() -> [(line: String, isBusy: Bool)] {
    let realtime = RealtimeClock.now()
    return sockets().map { socket in
      if socket.group.current.keepsOwnStamps {
        return ("\(socket.name): the service keeps the time stamps (SO_TIMESTAMP): it counts as busy", true)
      }
      if socket.group.current.hasUnread { return ("\(socket.name): something waits to be read", true) }
      guard let stamp = socket.group.current.lastStamp else { return ("\(socket.name): nothing was received", false) }
      let ago = TimeSpan.describe(.nanoseconds(max(0, realtime - stamp)))
      return ("\(socket.name): the last datagram came \(ago) ago", false)
    }
  }
}

extension UnixSense {
  /// What it sees of each at this moment, for a person, with no effect on the next look.
  func explainMessages() -> [(line: String, isBusy: Bool)] {
    sockets().filter(\.hasMessages).map {
      $0.hasUnread ? ("\($0.name): something waits to be read", true) : ("\($0.name): all is read", false)
    }
  }

  /// Clients of one held socket that nobody has accepted.
  func waitingCount(at held: any SignalledSocket) -> Int {
    var count = 0
    try? held.withCurrent { current throws(Errno) in
      let inode = UInt32(truncatingIfNeeded: try current.inode())
      count = (try? tables.unixSocket(inode: inode))?.queueLength.map { Int($0) } ?? 0
    }
    return count
  }
}
