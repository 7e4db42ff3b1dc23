/// What must hold after every step of every schedule, with the reason why it does.
public enum Invariant: String, CaseIterable, Sendable {
  /// `spawn` is an action of `wake` alone, which follows from dormant and from backing off. Both are entered only by `settle`,
  /// which needs the main process's exit and the word that no other process is left.
  case neverTwoInstances
  /// Every connection is handshaking, queued, in limbo, in hand, served, given up by its client, or died by what the service
  /// did by itself; never by what we did. The argument is the list of steps at the head of the rest: no SYN chooses A after
  /// the barrier, no handshake ends on A after the snapshot has emptied, nothing is in A's queue or in hand at SIGTERM.
  /// Given up, the same holds for B, whose queue moves to A before B closes.
  case noConnectionLost
  /// At SIGTERM for a rest nothing is in the current queues, between queue and hand, or in hand: step 6.
  case neverRestsWithAcceptedConnection
  /// The port never dies for good: whatever fails is tried again while somebody waits, so that from the moment on at which the
  /// service works, every client is served in the end.
  case everyWaiterIsServedIfItCanStart
  /// A dormant system makes no wakeups at all. A start that was asked for while the last instance was leaving is due at once.
  case noDeadlineWhileDormant
  /// After `deadlineReached` the deadline is later than now, or there is none: a timer that is due at once for ever is a
  /// loop that takes a whole core.
  case deadlineMovesOn
  /// No deadline is later than any time that is configured could make it: one that is has been computed wrongly.
  case deadlineIsNear
  /// A rest begins no earlier than the idle timeout after a connection was in hand, or waited when it was last looked, and after
  /// somebody's word not to rest was taken back. What is frozen is stopped no earlier than `stopAfterFrozen` says.
  /// A handshake that came and went between two looks, without the service ever seeing it, is no work of the service's. A
  /// connection that its client has reset is in no dump until the service has closed it, which is told: in between it can't
  /// be known of, and nobody waits for it.
  case neverEarly
  /// A healthy service begins to rest within 9/8 of its idle timeout: looks are 1/16 apart and idle time counts from the look
  /// after the last work. The rest of the margin is for the kernel's answers. Woken by nobody who counts it has no idle time.
  case notTooLate
  /// One event leads to a handful of actions: a bounded time until the next event is seen.
  case boundedActions
  /// The n-th failed start in a row is followed by at least `Backoff`'s n-th wait. Failed is: could not be spawned, ended
  /// before it was ready, crashed, or left while what it was started for was still in the queue.
  case noSpawnStorm
  /// The held sockets are watched while dormant and never else: watched while a service runs, each of its connections would
  /// wake us; not watched while dormant, nobody would wake it.
  case armedOnlyWhenDormant
  /// While we have a duplicate of a connection its service can't close it: there is none when it runs. And what is said to be
  /// frozen is.
  case frozenMeansFrozen
  /// Asked to stop, it comes to an end, as every way of stopping ends in SIGKILL.
  case stopsWhenAsked
  /// Nothing but the held sockets exists while dormant or waiting: a record of closes would be woken by every close of the port.
  case nothingWhileDormant
  /// The n-th failed start is followed by the next one as soon as the n-th wait is over, if somebody waits: `failures` counts
  /// those in a row, and a good end begins a new row.
  case triedAgainInTime
  /// Without having been asked to, nothing is started when nobody waits: a queue doesn't get shorter while no process lives, so
  /// that whoever was seen waiting at the end of a wait still is.
  case neverStartsForNobody
  /// A service that does what it should is told to end for a rest, or when we are told to, and never else.
  case neverEndsTheHealthy
  /// A service that has shut its listener down is told to end for those who wait no earlier than the grace after that, and
  /// soon after it.
  case hearsOut
  /// A service that has run for as long as it may is told to end, whoever uses it.
  case endsInTime
  /// What outlives a main process gets SIGTERM before SIGKILL.
  case neverKilledUntold
  /// What is frozen is thawed when the first of its own timers is due, and put to rest after `stopAfterFrozen`, in which neither
  /// that counts as use nor who comes and doesn't count: in a moment it is frozen again.
  case wakesFrozenInTime
  /// `serving` is reported when the service has bound all, has taken whoever waited, or has said so: not before, and as soon
  /// as that can be seen.
  case readyInTime
  /// New clients wait for a drain, or for its giving up, no longer than the core's own limits and the kernel's answers.
  case drainsBriefly
  /// A rest is given up when something shows that somebody came or that can't be seen, or when a handshake lasts too long.
  case givesUpForAReason
  /// Two closes an interval between looks are announced at the most, and a start is looked at 25 times a second.
  case boundedWakeups
  /// Pinned, busy by its own word, or being verified, it isn't put to rest.
  case neverRestsAgainstAWord
  /// A rest that is asked for begins at once, or is told to have been given up. A start begins at once where nothing else is
  /// under way.
  case answersRequests
  /// What its owner wants of it applies as soon as no rest is under way.
  case obeysNewConfiguration
  /// It is started for nobody after those ends that its restart policy names, and told to be limited when it is.
  case restartsAsConfigured
  /// A held socket that isn't bound within the start timeout is given up then, and no other is.
  case abandonsWhatIsUnbound
}

/// A moment at which an invariant did not hold.
public struct Violation: Equatable, Sendable {
  public let invariant: Invariant
  /// Virtual nanoseconds since the start of the schedule.
  public let time: UInt64
  public let detail: String
}
