import Lifecycle

// How long clients wait for a drain, and why one is given up.

extension World {
  private var longestAnswer: UInt64 { max(settings.slowestAnswer, 500 * microsecond) }
  /// SYNs in process, and the grace period after them.
  private static let longestBarrier = 36 * millisecond

  mutating func noteOldHandshake(_ id: Int) {
    if let drainLook, kernel.connections[id].processedAt <= drainLook { lastOldHandshake = now }
  }

  /// Before the core hears it.
  mutating func checkEvent(_ event: Event) {
    switch lifecycle.state {
    case .draining: if isReason(event) { drainReason = event }
    case .running: if event == .connectionClosed { checkCloseTold() }
    case .dormant, .starting, .returning, .freezing, .frozen, .stopping, .backingOff, .ended: break
    }
  }

  private func isReason(_ event: Event) -> Bool {
    switch event {
    case .sampleFailed, .steeringFailed, .mainExited, .dataArrived, .freezeFailed, .connectionClosed, .pinned(true),
      .busySaid(true), .watchdogExpired:
      true
    case .sampled(_, let sample):
      sample.accepted > 0 || sample.hasClosed || sample.hasReceived || !sample.queuedOnCurrent.isEmpty
        || sample.unreadDatagrams > 0 || sample.lastUse != nil || sample.isAtWork
    case .queuesRead(_, let lengths): lengths.current > 0
    default: false
    }
  }

  /// Nothing was seen: so it is the drain's time that is over.
  mutating func checkGivingUp() {
    guard let drainBegan, drainReason == nil, settings.deaths == 0 else { return }
    // A handshake that began before the first look was under way until just now, or still is.
    let isPending = kernel.connections.contains { $0.phase == .handshaking && $0.processedAt <= drainLook ?? .max }
    if isPending || lastOldHandshake + 10 * millisecond + 2 * longestAnswer > now { return }
    // Or it took too long to freeze.
    let freezeLimit = settings.configuration.freezeTimeout.nanosecondCount
    if settings.configuration.restsByKill, now > drainBegan + freezeLimit { return }
    violate(.givesUpForAReason, "given up, although nobody was there")
  }

  mutating func checkDrainIsBrief() {
    returnBegan = nil
    // What is frozen or steered for good has limits of its own.
    guard let drainBegan, committedAt == nil, !settings.configuration.restsByKill,
      settings.deaths == 0
    else { return }
    let limit = settings.configuration.drainTimeout.nanosecondCount
    // Of the questions three can be answered after its time is over: one that was asked before, and two more.
    if now > drainBegan + 4 * longestAnswer + World.longestBarrier + limit + millisecond {
      violate(.drainsBriefly, "draining since \(Outcome.format(drainBegan))")
    }
  }

  mutating func checkReturnIsBrief() {
    let began = returnBegan ?? now
    returnBegan = began
    // Short of descriptors it takes what it takes.
    guard settings.partialRelayPercent == 0, settings.deaths == 0 else { return }
    let relaysAt = began + World.longestBarrier + settings.configuration.returnTimeout.nanosecondCount
    for (id, connection) in kernel.connections.enumerated()
    where connection.phase == .queued && !kernel.isCurrent(connection.listener) && connection.kind != .datagram {
      if now > max(relaysAt, connection.queuedAt) + 105 * millisecond + 2 * longestAnswer {
        violate(.drainsBriefly, "connection \(id) waits on the next socket while the rest is given up")
      }
    }
  }

  private mutating func checkCloseTold() {
    guard let idleTimeout else { return }
    // Once more for a look that was taken before the close and answered after it.
    guard let last = lastCloseTold, now < last + idleTimeout / 16 else {
      lastCloseTold = now
      closesTold = 1
      return
    }
    closesTold += 1
    if closesTold > 2 { violate(.boundedWakeups, "closes are announced again within a look's interval") }
  }
}
