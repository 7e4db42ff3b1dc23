import Lifecycle

// Words for a trace. A set has another order in each copy: what is printed of one is sorted, so that a seed has one trace.

extension World {
  /// Costs nothing unless a trace was asked for. Not inlined, it would be given a copy of the world.
  @inline(__always)
  func note(_ line: @autoclosure () -> String) {
    guard let trace else { return }
    trace.add(line(), at: now)
  }

  func describe(_ happening: Happening) -> String {
    if case .answer(let event) = happening { return "answer: \(describe(event))" }
    return "\(happening)"
  }

  func describe(_ event: Event) -> String {
    if case .queuesRead(let query, let lengths) = event {
      let next = lengths.next.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
      return "queues read \(query.number): current \(lengths.current), next \(next)"
    }
    guard case .sampled(let query, let sample) = event else { return "\(event)" }
    let more = [
      sample.hasClosed ? "has closed" : nil, sample.unreadDatagrams > 0 ? "unread \(sample.unreadDatagrams)" : nil,
      sample.hasReceived ? "has received" : nil,
      sample.lastUse.map { "last use \(Outcome.format($0.nanoseconds))" },
    ]
    return """
      sampled \(query.number): accepted \(sample.accepted), on current \(sample.queuedOnCurrent.sorted()), on next \
      \(sample.queuedOnNext.sorted()), handshakes \(sample.handshakes.sorted())\(more.compactMap { $0 }.map { ", " + $0 }.joined())
      """
  }

  func describe(_ action: Action) -> String {
    switch action {
    case .openNext(let sockets): "openNext \(sockets.sorted())"
    case .relayStrays(let sockets): "relayStrays \(sockets.sorted())"
    case .relayUnbound(let sockets): "relayUnbound \(sockets.sorted())"
    case .abandon(let sockets): "abandon \(sockets.sorted())"
    case .report(.neverBound(let sockets)): "report neverBound \(sockets.sorted())"
    default: "\(action)"
    }
  }

  func describe(_ memory: Lifecycle.Memory) -> String {
    "\(memory.phase), adopted \(memory.adopted.sorted()), abandoned \(memory.abandoned.sorted()), failures \(memory.failures)"
  }

  var stateName: String {
    switch lifecycle.state {
    case .dormant: "dormant"
    case .starting: "starting"
    case .running: "running"
    case .draining: "draining"
    case .returning: "returning"
    case .freezing: "freezing"
    case .frozen: "frozen"
    case .stopping(let stopping): "stopping, \(stopping.purpose)"
    case .backingOff: "backing off"
    case .ended: "ended"
    }
  }
}
