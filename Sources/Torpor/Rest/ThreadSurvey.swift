import Linux

/// What every thread of a service waits for, at one moment.
///
/// A thread that waits has nothing in hand. Two surveys, one before a freeze and one after it, prove that none had when it was
/// frozen: to be frozen, a thread that waits is woken and pauses again, once. One that has paused more often, or isn't at rest,
/// has done something in between that somebody may wait for, and that no queue shows.
struct ThreadSurvey {
  private(set) var waits: [Int32: ThreadWait] = [:]
  /// How long those wait that don't wait for ever.
  var limits: [Int32: WaitLimit] = [:]
  /// The first that we may know nothing of.
  private(set) var hidden: Int32?
  /// The first that is at work.
  private(set) var working: Int32?

  /// A look at each costs 40 µs, and new clients wait for it.
  static let threadsMax = 2048

  struct TooMany: Error {}

  init(_ pids: [Int32]) throws(TooMany) {
    for pid in pids {
      for thread in ProcessFiles.threads(of: pid, limit: Self.threadsMax) {
        guard waits.count < Self.threadsMax else { throw TooMany() }
        guard let wait = ThreadWait(thread, of: pid) else {
          // One that has ended meanwhile has nothing in hand.
          if hidden == nil, ProcessFiles.exists("/proc/\(pid)/task/\(thread)") { hidden = thread }
          continue
        }
        note(wait)
        limits[thread] = wait.call?.limit { BlockingCall.time(at: $0, of: pid) }
      }
    }
  }

  init(_ waits: [ThreadWait]) { for wait in waits { note(wait) } }

  private mutating func note(_ wait: ThreadWait) {
    waits[wait.thread] = wait
    if !wait.isAtRest, working == nil { working = wait.thread }
  }

  /// The first thread that has done something between `before` and this survey, which was taken when all were frozen.
  func moved(since before: ThreadSurvey) -> Int32? {
    for (thread, wait) in waits {
      guard let earlier = before.waits[thread] else { return thread }
      if wait.state != "Z", wait.pauses > earlier.pauses + 1 || wait.call?.number != earlier.call?.number {
        return thread
      }
    }
    return nil
  }
}

/// When frozen threads would go on by themselves.
struct ThreadTimers {
  /// Of calls that go on after a thaw with the time that they have left, which can't be read then.
  private var restarted: [Int32: (arguments: [UInt64], due: UInt64)] = [:]

  /// When the first of them is due, in nanoseconds of `MonotonicClock`.
  mutating func due(_ before: ThreadSurvey, _ after: ThreadSurvey) -> UInt64? {
    let now = MonotonicClock.now()
    var known: [Int32: (arguments: [UInt64], due: UInt64)] = [:]
    var first: UInt64?
    for (thread, wait) in before.waits {
      guard let call = wait.call else { continue }
      if call.isRestarted {
        guard let earlier = restarted[thread], earlier.arguments == call.arguments else { continue }
        known[thread] = earlier
        first = min(first ?? earlier.due, earlier.due)
        continue
      }
      guard let limit = Self.limit(before.limits[thread], after.limits[thread]) else { continue }
      let due = now + limit.left(begun: Self.waited(wait, after.waits[thread])).nanoseconds
      if case .fromBegin = limit { known[thread] = (call.arguments, due) }
      first = min(first ?? due, due)
    }
    restarted = known
    return first
  }

  /// What the kernel has written down at the interruption is what is left.
  private static func limit(_ before: WaitLimit?, _ after: WaitLimit?) -> WaitLimit? {
    if case .left? = after { return after }
    return before
  }

  /// How long it had waited when it was frozen: from when it last ran before until it ran to be frozen. Both are times of its
  /// processor's own clock. Where the kernel doesn't tell, it is none, so that the timer may be late by as much as it is long.
  private static func waited(_ before: ThreadWait, _ after: ThreadWait?) -> Duration {
    guard let begin = before.lastRan, let end = after?.lastRan, end > begin else { return .zero }
    return .nanoseconds(Int64(clamping: end - begin))
  }
}
