/// All decisions about one service: when it wakes, is ready, is idle, rests, is given up, is tried again.
///
/// A value without a clock and without I/O. The shell turns what the kernel says into events and carries the actions out;
/// the simulation does the same with a kernel of its own.
public struct Lifecycle: Equatable, Sendable {
  public internal(set) var configuration: Configuration {
    _read { yield kept.configuration }
    set { kept = Kept(newValue) }
  }
  /// What it will be when no rest is under way.
  var nextConfiguration: Configuration? {
    get {
      if case .next(let configuration) = plan { configuration } else { nil }
    }
    set { plan = newValue.map { .next($0) } ?? .asItIs }
  }
  public internal(set) var state: State = .dormant
  /// Failed starts in a row.
  public internal(set) var failures = 0
  /// Sockets that are no longer held, as the service never took them.
  public internal(set) var abandoned: Set<Int> = []
  /// Its owner wants it not to be put to rest.
  public internal(set) var isPinned = false
  /// Dormant, it is started then: that was asked for while the last instance was leaving.
  var startAt: Instant?
  /// Ends in a row by itself, without having served anybody, after each of which it was started again.
  var restarts = 0
  var startTally = Tally()
  var triggerTally = Tally()
  private(set) var lastQuery: UInt64 = 0
  // A configuration is large. Most services have the same as others, and no other ahead of them.
  private var kept: Kept
  private var plan = Plan.asItIs

  private final class Kept: Equatable, Sendable {
    let configuration: Configuration
    init(_ configuration: Configuration) { self.configuration = configuration }

    static func == (one: Kept, other: Kept) -> Bool { one === other || one.configuration == other.configuration }
  }

  private indirect enum Plan: Equatable, Sendable {
    case asItIs
    case next(Configuration)
  }

  public init(configuration: Configuration) { kept = Kept(configuration) }

  /// Has its configuration in common with `other` if they are the same.
  public mutating func share(with other: Lifecycle) {
    if kept == other.kept { kept = other.kept }
  }

  /// What to do before the first event.
  public func begin() -> [Action] { [.report(.dormant), .arm] }

  /// When `deadlineReached` is to be sent; nil: not before another event. There is none while dormant, then nothing of
  /// ours runs at all; but for a start that is due at once.
  public var deadline: Instant? {
    switch state {
    case .dormant: startAt
    case .ended: nil
    case .starting(let starting):
      Self.earlier(Self.earlier(starting.deadline, starting.lookAt), starting.instance.relayUnboundAt)
    case .running(let running):
      Self.earlier(
        Self.earlier(running.lookAt, running.instance.abandonAt),
        Self.earlier(running.instance.relayUnboundAt, running.instance.runtimeEndsAt))
    case .draining(let draining): draining.isAsking ? nil : Self.earlier(draining.deadline, draining.retryAt)
    case .returning(let returning): Self.earlier(returning.deadline, returning.retryAt)
    case .freezing(let freezing): freezing.deadline
    case .frozen(let frozen):
      Self.earlier(Self.earlier(frozen.wakeAt, frozen.stopAt), frozen.instance.runtimeEndsAt)
    case .stopping(let stopping): stopping.killAt
    case .backingOff(let backingOff): backingOff.query == nil ? backingOff.until : nil
    }
  }

  /// Decides. Bounded work and a bounded number of actions for each event; an event that the state doesn't await changes nothing.
  public mutating func handle(_ event: Event, at now: Instant) -> [Action] {
    var event = event
    if case .sampled(let query, let sample) = event {
      // Told once, whichever look it is that tells.
      if sample.hasReceived {
        change {
          $0.lastReceived = now
          $0.hasAccepted = $0.hasAccepted || !$0.isYounger(than: query)
        }
      }
      event = .sampled(query, weighed(sample, of: query))
    } else if case .sampleFailed = event {
      _ = tellsOwnStart(nil)
    }
    let actions = handleRequest(event, at: now) ?? handleByState(event, at: now)
    takeUpConfiguration(at: now)
    return actions
  }

  /// What a look says of work, without that of a start for a check. What the service says of itself counts in any case. And it takes
  /// note of who is there, whatever the look was asked for.
  private mutating func weighed(_ sample: Sample, of query: Query) -> Sample {
    var sample = sample
    if tellsOwnStart(query) { sample.isAtWork = false }
    if case .running(let running) = state, running.instance.isWokenByIgnored, sample.showsAnybody {
      change { $0.isWokenByIgnored = false }
    }
    sample.isAtWork = sample.isAtWork || sample.saysBusy
    return sample
  }

  /// Whether this answer is the one that tells of the work of a start for a check. `nil`: a look that has failed. Once only: any other answer
  /// that comes before may have told of it, and of what comes after nobody knows whose work it is.
  private mutating func tellsOwnStart(_ query: Query?) -> Bool {
    guard case .running(let running) = state, let look = running.instance.ownStartLook else { return false }
    change { $0.ownStartLook = nil }
    return query == look
  }

  private mutating func handleByState(_ event: Event, at now: Instant) -> [Action] {
    switch state {
    case .dormant: handleDormant(event, at: now)
    case .starting(let starting): handle(event, starting: starting, at: now)
    case .running(let running): handle(event, running: running, at: now)
    case .draining(let draining): handle(event, draining: draining, at: now)
    case .returning(let returning): handle(event, returning: returning, at: now)
    case .freezing(let freezing): handle(event, freezing: freezing, at: now)
    case .frozen(let frozen): handle(event, frozen: frozen, at: now)
    case .stopping(let stopping): handle(event, stopping: stopping, at: now)
    case .backingOff(let backingOff): handle(event, backingOff: backingOff, at: now)
    case .ended: []
    }
  }

  mutating func nextQuery() -> Query {
    lastQuery += 1
    return Query(number: lastQuery)
  }

  /// Every socket that is still held.
  var held: Set<Int> { Set(configuration.sockets.indices).subtracting(abandoned) }

  static func earlier(_ one: Instant?, _ other: Instant?) -> Instant? {
    guard let one, let other else { return one ?? other }
    return min(one, other)
  }

  static func later(_ one: Instant?, _ other: Instant?) -> Instant? {
    guard let one, let other else { return one ?? other }
    return max(one, other)
  }

  /// Takes note of a bind(), and of when to see to the sockets that are left.
  func note(adopted socket: Int, by instance: inout Instance, at now: Instant) {
    let isFirst = instance.adopted.isEmpty
    instance.adopted.insert(socket)
    // It has asked for the socket that it had shut down anew.
    if held.count == 1 { instance.deafness = nil }
    if isFirst {
      instance.relayUnboundAt = now.advanced(by: configuration.bindGrace)
      // It was ready before it had bound anything: for its other sockets it has as long again.
      if instance.readyAt != nil { instance.abandonAt = configuration.startTimeout.map(now.advanced(by:)) }
    }
    if instance.adopted.isSuperset(of: held) { instance.relayUnboundAt = nil }
  }

  func relayUnbound(_ instance: inout Instance) -> [Action] {
    instance.relayUnboundAt = nil
    let unbound = held.subtracting(instance.adopted)
    return unbound.isEmpty ? [] : [.relayUnbound(sockets: unbound)]
  }

  static func isDue(_ moment: Instant?, at now: Instant) -> Bool {
    guard let moment else { return false }
    return moment <= now
  }
}

/// Between two looks at something that no event announces: 0.5 ms, doubling up to 8 ms. A drain keeps new clients waiting,
/// so it looks often; it lasts 50 ms at most.
let firstRetryInterval = Duration.microseconds(500)
let longestRetryInterval = Duration.milliseconds(8)
let longestRelayInterval = Duration.milliseconds(100)
/// The kernel gives an unfinished handshake up after about a minute (net.ipv4.tcp_synack_retries): twice that.
let handshakeLifetime = Duration.seconds(120)
