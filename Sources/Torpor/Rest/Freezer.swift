import Lifecycle
import Linux

/// Stops the processes of one service where they are, watches their connections meanwhile, and gives their memory back.
///
/// Made at the first such rest of a service: what never sleeps so costs nothing for it.
final class Freezer {
  enum Outcome {
    case frozen
    /// Somebody uses it.
    case inUse(String)
    case impossible(String)
    /// With this service it will never be possible.
    case never(String)
  }

  private let processes: ServiceProcesses
  private let loop: EventLoop
  private let alarm: Alarm
  private var timers = ThreadTimers()
  private var threadsDue: UInt64?
  private var attempts = 0
  private var completion: ((Outcome) -> Void)?
  let connections: HeldConnections
  let memory: MemoryRelease

  /// Tried so often to stop them while none has anything in hand, 2 ms apart.
  private static let attemptsMax = 50
  private static let pause: UInt64 = 2_000_000
  /// A service that is to do something at a certain time runs a little before it.
  private static let lead: UInt64 = 10_000_000

  init(_ processes: ServiceProcesses, loop: EventLoop) {
    self.processes = processes
    self.loop = loop
    alarm = Alarm(loop: loop)
    connections = HeldConnections(loop: loop)
    memory = MemoryRelease(loop: loop)
    alarm.onDue = { [weak self] in self?.attempt() }
  }

  // MARK: stopping

  /// Stops them at a moment at which no thread has anything in hand. `completion` is called once, unless it is cancelled.
  func freeze(_ completion: @escaping (Outcome) -> Void) {
    self.completion = completion
    attempts = 0
    attempt()
  }

  /// They are to go on: nothing more is told.
  func cancel() {
    completion = nil
    alarm.set(to: nil)
  }

  private func attempt() {
    guard completion != nil else { return }
    attempts += 1
    guard let before = try? ThreadSurvey(processes.pids) else {
      return end(.never("it has more than \(ThreadSurvey.threadsMax) threads"))
    }
    if let thread = before.hidden {
      return end(.never("torpor may not know what its thread \(thread) does (/proc/\(thread)/syscall)"))
    }
    if let thread = before.working { return retry(thread) }
    do throws(Errno) { try processes.freeze { [weak self] in self?.hasStopped(before) } } catch {
      end(.impossible("its processes can't be frozen: \(error)"))
    }
  }

  private func hasStopped(_ before: ThreadSurvey) {
    guard let after = try? ThreadSurvey(processes.pids) else {
      return end(.impossible("it has more than \(ThreadSurvey.threadsMax) threads"))
    }
    if let thread = after.hidden ?? after.moved(since: before) {
      try? processes.thaw()
      return retry(thread)
    }
    threadsDue = timers.due(before, after)
    end(.frozen)
  }

  private func retry(_ thread: Int32) {
    guard attempts < Self.attemptsMax else {
      let name = ProcessFiles.name(of: thread) ?? "?"
      return end(.inUse("its thread \(thread) (\(name)) is at work"))
    }
    alarm.set(to: MonotonicClock.now() + Self.pause)
  }

  private func end(_ outcome: Outcome) {
    let tell = completion
    completion = nil
    tell?(outcome)
  }

  // MARK: sleeping

  /// When the first of its own timers is due; of frozen processes whose connections are held.
  var wakeAt: Instant? {
    let due = [threadsDue, connections.timerDue].compactMap { $0 }.min()
    return due.map { Instant(nanoseconds: $0 > Self.lead ? $0 - Self.lead : 0) }
  }

  /// Since when it has been frozen, but for the moments in which it saw to its own timers; nil: it isn't.
  var since: Instant?
  var memoryBefore: UInt64 = 0
  /// What it has given back, as far as that has been done.
  var givenBackBytes: UInt64?
  /// Why it goes on.
  var arrival: String?
  /// What the core is told of just now is a deadline.
  var isTimerDue = false
  /// It has been let go on for a timer of its own alone, and will be frozen again in a moment: that isn't told.
  var isSeeingToTimer = false
  /// Tells that it goes on after all.
  private(set) lazy var timerTeller = Alarm(loop: loop)
}
