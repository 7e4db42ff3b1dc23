import Linux

/// One thread, one epoll instance: everything that happens comes by here, one event at a time. Its alarms and the children that
/// we have are shared by all who live in it.
public final class EventLoop {
  /// Names one registration; never used again, so that an event for one that is gone is known to be stale.
  public struct Token: Hashable, Sendable { let number: UInt64 }
  public typealias Handler = (Readiness) -> Void

  private var epoll: Epoll
  private var handlers: [UInt64: Handler] = [:]
  private var lastToken: UInt64 = 0
  private var isStopped = false
  let alarms: Alarms
  let children = ChildReaper()
  private var deferred: [() -> Void] = []

  public init() throws(Errno) {
    epoll = try Epoll()
    alarms = try Alarms()
    try alarms.withDescriptor { descriptor throws(Errno) in
      _ = try add(descriptor, for: .readable) { [unowned alarms] _ in alarms.ring() }
    }
  }

  /// Calls `handler` whenever `descriptor` is ready, until it is removed. Remove it before it is closed.
  public func add(
    _ descriptor: borrowing OwnedFD, for readiness: Readiness, _ handler: @escaping Handler
  ) throws(Errno) -> Token {
    lastToken += 1
    try epoll.add(descriptor, for: readiness, token: lastToken)
    handlers[lastToken] = handler
    return Token(number: lastToken)
  }

  public func change(_ token: Token, _ descriptor: borrowing OwnedFD, to readiness: Readiness) {
    guard handlers[token.number] != nil else { return }
    // Changing what is registered can't fail but for want of kernel memory, and there is nothing better to do then.
    try? epoll.change(descriptor, to: readiness, token: token.number)
  }

  public func remove(_ token: Token, _ descriptor: borrowing OwnedFD) {
    guard handlers.removeValue(forKey: token.number) != nil else { return }
    try? epoll.remove(descriptor)
  }

  /// Calls `work` once, when everything that this turn has brought has been handled, and before the loop waits again. What is asked
  /// for by such work is done after the next turn, which then doesn't wait.
  public func afterThisTurn(_ work: @escaping () -> Void) { deferred.append(work) }

  /// SIGCHLD, or something that comes with one: takes children that have ended, and what is left of thousands in the next turns.
  public func reapChildren() {
    if children.reap() { afterThisTurn { [weak self] in self?.reapChildren() } }
  }

  /// Until it is stopped; it can be run again then.
  public func run() throws(Errno) {
    defer { isStopped = false }
    while !isStopped { try turn() }
  }

  /// Waits for events, or only takes those that are there, and handles them.
  func turn(isPolling: Bool = false) throws(Errno) {
    for event in try epoll.wait(isPolling: isPolling || !deferred.isEmpty) where !isStopped {
      handlers[event.token]?(event.readiness)
    }
    let work = deferred
    deferred = []
    for item in work where !isStopped { item() }
  }

  public func stop() { isStopped = true }
}
