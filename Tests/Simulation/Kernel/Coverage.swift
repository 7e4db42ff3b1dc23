import Lifecycle

/// How often each kind of event came in each state: a simulation that never reaches a pair says nothing about it.
public struct Coverage: Equatable, Sendable {
  public enum StateKind: Int, CaseIterable, Sendable {
    case dormant
    case starting
    case running
    case draining
    case returning
    case freezing
    case frozen
    case stopping
    case backingOff
    case ended

    init(_ state: Lifecycle.State) {
      switch state {
      case .dormant: self = .dormant
      case .starting: self = .starting
      case .running: self = .running
      case .draining: self = .draining
      case .returning: self = .returning
      case .freezing: self = .freezing
      case .frozen: self = .frozen
      case .stopping: self = .stopping
      case .backingOff: self = .backingOff
      case .ended: self = .ended
      }
    }
  }

  public enum EventKind: Int, CaseIterable, Sendable {
    case startRequested
    case restRequested
    case pinned
    case verifyRequested
    case verificationEnded
    case reconfigured
    case canFreezeChanged
    case connectionWaiting
    case spawned
    case spawnFailed
    case adopted
    case notifiedReady
    case notifiedStopping
    case busySaid
    case timeoutExtended
    case watchdogExpired
    case exitExcused
    case mainExited
    case allProcessesGone
    case connectionClosed
    case listenerShutDown
    case queuesRead
    case sampled
    case sampleFailed
    case nextOpened
    case nextUnavailable
    case steeringFailed
    case barrierPassed
    case nextClosed
    case frozen
    case freezeFailed
    case connectionsHeld
    case holdFailed
    case dataArrived
    case ignoredCame
    case stopRequested
    case stopAtOnceRequested
    case deadlineReached

    init(_ event: Event) {
      switch event {
      case .startRequested: self = .startRequested
      case .restRequested: self = .restRequested
      case .pinned: self = .pinned
      case .verifyRequested: self = .verifyRequested
      case .verificationEnded: self = .verificationEnded
      case .reconfigured: self = .reconfigured
      case .canFreezeChanged: self = .canFreezeChanged
      case .connectionWaiting: self = .connectionWaiting
      case .spawned: self = .spawned
      case .spawnFailed: self = .spawnFailed
      case .adopted: self = .adopted
      case .notifiedReady: self = .notifiedReady
      case .notifiedStopping: self = .notifiedStopping
      case .busySaid: self = .busySaid
      case .timeoutExtended: self = .timeoutExtended
      case .watchdogExpired: self = .watchdogExpired
      case .exitExcused: self = .exitExcused
      case .mainExited: self = .mainExited
      case .allProcessesGone: self = .allProcessesGone
      case .connectionClosed: self = .connectionClosed
      case .listenerShutDown: self = .listenerShutDown
      case .queuesRead: self = .queuesRead
      case .sampled: self = .sampled
      case .sampleFailed: self = .sampleFailed
      case .nextOpened: self = .nextOpened
      case .nextUnavailable: self = .nextUnavailable
      case .steeringFailed: self = .steeringFailed
      case .barrierPassed: self = .barrierPassed
      case .nextClosed: self = .nextClosed
      case .frozen: self = .frozen
      case .freezeFailed: self = .freezeFailed
      case .connectionsHeld: self = .connectionsHeld
      case .holdFailed: self = .holdFailed
      case .dataArrived: self = .dataArrived
      case .ignoredCame: self = .ignoredCame
      case .stopRequested: self = .stopRequested
      case .stopAtOnceRequested: self = .stopAtOnceRequested
      case .deadlineReached: self = .deadlineReached
      }
    }
  }

  /// Row by row, a row a state: one allocation for a schedule.
  private var counts = [Int](repeating: 0, count: StateKind.allCases.count * EventKind.allCases.count)

  public init() {}

  public subscript(state: StateKind, event: EventKind) -> Int { counts[Coverage.place(state, event)] }

  mutating func add(_ event: Event, in state: Lifecycle.State) {
    counts[Coverage.place(StateKind(state), EventKind(event))] += 1
  }

  public static func += (total: inout Coverage, one: Coverage) {
    for place in total.counts.indices { total.counts[place] += one.counts[place] }
  }

  private static func place(_ state: StateKind, _ event: EventKind) -> Int {
    state.rawValue * EventKind.allCases.count + event.rawValue
  }
}
