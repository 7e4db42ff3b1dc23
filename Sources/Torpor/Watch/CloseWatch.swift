import Linux

/// Hears of closed TCP connections, for all services of one loop, by one netlink socket.
///
/// Its filter lets through only what somebody waits for, and each waits for one: the first close after a look says all that there
/// is to know until the next. So neither a busy service nor all of them together wake us more often than they are looked at, and
/// none can flood the others' news away.
final class CloseWatch {
  private let loop: EventLoop
  private var sockets: DestroyedSockets?
  private var token: EventLoop.Token?
  private var waiting: [ObjectIdentifier: Waiter] = [:]
  /// The ports that the kernel has been told of.
  private var filtered: [UInt16] = []
  private var isDirty = false

  private struct Waiter {
    weak var sense: ConnectionSense?
    let ports: Set<UInt16>
  }

  init(loop: EventLoop) { self.loop = loop }

  /// From the next `apply` on, `sense` is told of a close at these ports, until it has had one that concerns it.
  func add(_ sense: ConnectionSense, ports: Set<UInt16>) {
    let id = ObjectIdentifier(sense)
    if let known = waiting[id], known.sense === sense, known.ports == ports { return }
    waiting[id] = Waiter(sense: sense, ports: ports)
    isDirty = true
  }

  func forget(_ sense: ConnectionSense) {
    guard waiting.removeValue(forKey: ObjectIdentifier(sense)) != nil else { return }
    isDirty = true
  }

  /// Lets the kernel know who waits. Where it can't be told, whoever waits is told that it has missed something.
  func apply() {
    guard isDirty else { return }
    isDirty = false
    let ports = waiting.values.reduce(into: Set<UInt16>()) { $0.formUnion($1.ports) }.sorted()
    guard ports != filtered || sockets == nil else { return }
    do throws(Errno) {
      try open()
      try setFilter(ports)
      filtered = ports
    } catch {
      isDirty = true
      tell([], wasLossy: true)
    }
  }

  private func open() throws(Errno) {
    if sockets != nil { return }
    let made = try DestroyedSockets()
    token = try loop.add(made.descriptor, for: .readable) { [weak self] _ in self?.take() }
    filtered = []
    sockets = consume made
  }

  private func setFilter(_ ports: [UInt16]) throws(Errno) {
    switch sockets {
    case .some(let sockets): try sockets.setLocalPorts(ports)
    case .none: break
    }
  }

  /// Hands out everything that has come.
  func take() {
    guard let taken = sockets?.take(), taken.wasLossy || !taken.closed.isEmpty else { return }
    tell(taken.closed, wasLossy: taken.wasLossy)
    // Later: in this turn others may begin or end to wait.
    if isDirty { loop.afterThisTurn { [weak self] in self?.apply() } }
  }

  private func tell(_ closed: [TCPConnection], wasLossy: Bool) {
    for (id, waiter) in waiting {
      guard let sense = waiter.sense else {
        waiting[id] = nil
        isDirty = true
        continue
      }
      let own = closed.filter { waiter.ports.contains($0.local.port) }
      guard wasLossy || !own.isEmpty else { continue }
      // Out of the list first: being told, it may well wait for another.
      let isNews = wasLossy || own.contains { sense.concerns($0) }
      guard isNews else { continue }
      waiting[id] = nil
      isDirty = true
      sense.hasHeardOfClose()
    }
  }
}
