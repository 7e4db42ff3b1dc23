/// All decisions about a service that gets a process for each connection (inetd(8), systemd's Accept=yes): when one is accepted,
/// what happens when no process can be had, and how they are ended.
///
/// A value without a clock and without I/O, as `Lifecycle` is. While nobody is connected there is no process, no deadline, and
/// nothing to rest.
public struct ConnectionServer: Equatable, Sendable {
  public struct Configuration: Equatable, Sendable {
    /// Processes at once; further connections wait in the queue. systemd's MaxConnections=, which drops them.
    public var connectionsMax: Int
    /// From SIGTERM to SIGKILL when we are to end.
    public var stopTimeout: Duration?
    /// From SIGTERM to SIGKILL for what a connection's process leaves behind. It counts as its connection until it is gone.
    public var leftoverTimeout: Duration = .seconds(5)
    public var backoff = Backoff()

    public init(connectionsMax: Int = 64, stopTimeout: Duration? = .seconds(90)) {
      precondition(connectionsMax > 0, "a service without connections could never serve")
      self.connectionsMax = connectionsMax
      self.stopTimeout = stopTimeout
    }
  }

  public enum Event: Equatable, Sendable {
    /// An armed socket is readable.
    case connectionWaiting(socket: Int)
    /// The answers to `Action.accept`.
    case accepted
    case nobodyWaited
    /// There is no descriptor or memory for it. It is still in the queue.
    case acceptFailed
    /// The answers to `Action.spawn`.
    case spawned(Int)
    /// `isLasting`: the command can't be executed as it is, which no waiting mends. Else the machine has no process to give.
    case spawnFailed(isLasting: Bool)
    /// The process of connection `id` ended. `leavesOthers`: others that it has started live on.
    case mainExited(Int, ExitStatus, leavesOthers: Bool)
    /// The last of those that outlived it has ended.
    case leftoversGone(Int)
    case stopRequested
    case stopAtOnceRequested
    /// `deadline` has come.
    case deadlineReached
  }

  public enum Action: Equatable, Sendable {
    /// Watch the held sockets for connections.
    case arm
    case disarm
    /// Take one connection from this socket's queue.
    case accept(socket: Int)
    /// Start a process for the accepted connection.
    case spawn
    /// Close the accepted connection.
    case drop
    /// SIGTERM to the processes of all connections that have not ended by themselves.
    case terminateMains
    /// SIGTERM to everything that connection `id` has left.
    case terminateLeftovers(Int)
    /// SIGKILL to the same.
    case killLeftovers(Int)
    /// SIGKILL to everything.
    case killAll
    case report(Report)
    case finish
  }

  public enum Report: Equatable, Sendable {
    case dormant
    case started(Int)
    case ended(Int, ExitStatus)
    /// As many as there may be: whoever comes waits.
    case full
    /// Somebody has been accepted and no process can be had. `isDropped`: the connection has been closed.
    case cannotStart(isDropped: Bool, retryIn: Duration)
    case cannotAccept(retryIn: Duration)
    case leftoversKilled(Int)
    case stopTimedOut(after: Duration)
    case stopping
    case stopped
  }

  public enum State: Equatable, Sendable {
    /// Whoever comes is accepted.
    case accepting
    /// A connection is in our hands, and its process is being started.
    case starting
    case full
    /// Nobody is accepted until then. `holdsConnection`: one is, and is tried again.
    case backingOff(until: Instant, holdsConnection: Bool)
    case stopping(Stopping)
    case ended
  }

  public struct Stopping: Equatable, Sendable {
    var killAt: Instant?
    var isKilled = false
  }

  public let configuration: Configuration
  public private(set) var state: State = .accepting
  /// Connections whose process runs.
  public private(set) var running: Set<Int> = []
  /// Connections whose process has ended and left others, and when these are killed.
  public private(set) var leftovers: [Int: Leftover] = [:]
  /// Failures in a row.
  public private(set) var failures = 0

  public struct Leftover: Equatable, Sendable {
    var killAt: Instant
    var isKilled = false
  }

  public init(configuration: Configuration) { self.configuration = configuration }

  /// What to do before the first event.
  public func begin() -> [Action] { [.report(.dormant), .arm] }

  /// When `deadlineReached` is to be sent; nil: not before another event.
  public var deadline: Instant? {
    let own: Instant?
    switch state {
    case .accepting, .starting, .full, .ended: own = nil
    case .backingOff(let until, _): own = until
    case .stopping(let stopping): own = stopping.killAt
    }
    return leftovers.values.reduce(own) { Lifecycle.earlier($0, $1.killAt) }
  }

  public var connectionCount: Int { running.count + leftovers.count }

  /// Decides. An event that the state doesn't await changes nothing.
  public mutating func handle(_ event: Event, at now: Instant) -> [Action] {
    switch event {
    case .connectionWaiting(let socket):
      guard state == .accepting else { return [] }
      return [.accept(socket: socket)]
    case .accepted:
      guard state == .accepting else { return [.drop] }
      state = .starting
      return [.spawn]
    case .nobodyWaited:
      return []
    case .acceptFailed:
      guard state == .accepting else { return [] }
      let delay = backOff(holdingConnection: false, at: now)
      return [.disarm, .report(.cannotAccept(retryIn: delay))]
    case .spawned(let id):
      return started(id)
    case .spawnFailed(let isLasting):
      guard state == .starting else { return [] }
      // What can't be executed is closed, as by systemd: its client learns it at once. What the machine lacks may be there
      // soon, and to wait for it loses nobody.
      let delay = backOff(holdingConnection: !isLasting, at: now)
      return (isLasting ? [.drop] : []) + [.disarm, .report(.cannotStart(isDropped: isLasting, retryIn: delay))]
    case .mainExited(let id, let status, let leavesOthers):
      guard running.remove(id) != nil else { return [] }
      let report = Action.report(.ended(id, status))
      guard leavesOthers else { return [report] + madeRoom() }
      leftovers[id] = Leftover(killAt: now.advanced(by: configuration.leftoverTimeout))
      return [report, .terminateLeftovers(id)]
    case .leftoversGone(let id):
      guard leftovers.removeValue(forKey: id) != nil else { return [] }
      return madeRoom()
    case .stopRequested: return stop(at: now)
    case .stopAtOnceRequested: return stopAtOnce(at: now)
    case .deadlineReached: return reachDeadline(at: now)
    }
  }

  private mutating func started(_ id: Int) -> [Action] {
    running.insert(id)
    guard state == .starting else { return [] }
    failures = 0
    precondition(connectionCount <= configuration.connectionsMax, "more connections than there may be")
    guard connectionCount == configuration.connectionsMax else {
      state = .accepting
      return [.report(.started(id)), .arm]
    }
    state = .full
    return [.report(.started(id)), .disarm, .report(.full)]
  }

  private mutating func madeRoom() -> [Action] {
    switch state {
    case .full:
      state = .accepting
      return [.arm]
    case .stopping: return endIfNothingIsLeft()
    case .accepting, .starting, .backingOff, .ended: return []
    }
  }

  private mutating func backOff(holdingConnection holdsConnection: Bool, at now: Instant) -> Duration {
    failures += 1
    let delay = configuration.backoff.delay(afterFailures: failures)
    state = .backingOff(until: now.advanced(by: delay), holdsConnection: holdsConnection)
    return delay
  }

  private mutating func reachDeadline(at now: Instant) -> [Action] {
    var actions: [Action] = []
    for (id, leftover) in leftovers.sorted(by: { $0.key < $1.key }) where leftover.killAt <= now {
      // A process can fork faster than it is found, where there is no cgroup: again every second until none is left.
      leftovers[id] = Leftover(killAt: now.advanced(by: .seconds(1)), isKilled: true)
      actions.append(.killLeftovers(id))
      if !leftover.isKilled { actions.append(.report(.leftoversKilled(id))) }
    }
    switch state {
    case .backingOff(let until, let holdsConnection) where until <= now:
      state = holdsConnection ? .starting : .accepting
      actions.append(holdsConnection ? .spawn : .arm)
    case .stopping(var stopping):
      guard let killAt = stopping.killAt, killAt <= now else { break }
      let isFirst = !stopping.isKilled
      stopping = Stopping(killAt: now.advanced(by: .seconds(1)), isKilled: true)
      state = .stopping(stopping)
      actions.append(.killAll)
      if isFirst { actions.append(.report(.stopTimedOut(after: configuration.stopTimeout ?? .zero))) }
    case .accepting, .starting, .full, .backingOff, .ended: break
    }
    return actions
  }

  // MARK: ending

  private mutating func stop(at now: Instant) -> [Action] {
    let dropping: [Action]
    switch state {
    case .stopping, .ended: return []
    case .starting, .backingOff(_, holdsConnection: true): dropping = [.drop]
    case .accepting, .full, .backingOff: dropping = []
    }
    state = .stopping(Stopping(killAt: configuration.stopTimeout.map(now.advanced(by:))))
    let begins: [Action] = [.disarm] + dropping + [.report(.stopping)]
    return begins + (connectionCount == 0 ? endIfNothingIsLeft() : [.terminateMains])
  }

  private mutating func stopAtOnce(at now: Instant) -> [Action] {
    let begins = stop(at: now)
    guard case .stopping = state else { return begins }
    state = .stopping(Stopping(killAt: now.advanced(by: .seconds(1)), isKilled: true))
    return begins + [.killAll]
  }

  private mutating func endIfNothingIsLeft() -> [Action] {
    guard connectionCount == 0 else { return [] }
    state = .ended
    return [.report(.stopped), .finish]
  }
}
