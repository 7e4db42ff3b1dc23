import Lifecycle

extension Sample {
  /// What was seen of other sockets, too.
  mutating func add(_ other: Sample) {
    accepted += other.accepted
    queuedOnCurrent.formUnion(other.queuedOnCurrent)
    queuedOnNext.formUnion(other.queuedOnNext)
    acceptQueueLength += other.acceptQueueLength
    handshakes.formUnion(other.handshakes)
    hasClosed = hasClosed || other.hasClosed
    unreadDatagrams += other.unreadDatagrams
    hasReceived = hasReceived || other.hasReceived
    isAtWork = isAtWork || other.isAtWork
    if let use = other.lastUse { lastUse = lastUse.map { max($0, use) } ?? use }
  }
}
