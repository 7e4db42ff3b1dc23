import Lifecycle
import Linux

/// How a service is, for those who ask.
extension Service {
  var phase: UnitStatus.State {
    switch lifecycle.state {
    case .dormant, .ended: .dormant
    case .starting: .starting
    case .running, .returning: .running
    case .draining: .draining
    case .freezing: .freezing
    case .frozen: .frozen
    case .stopping: .stopping
    case .backingOff: .failed
    }
  }

  /// It is stopped for good.
  var isEnding: Bool {
    switch lifecycle.state {
    case .stopping(let stopping): stopping.purpose == .quit
    case .ended: true
    case .dormant, .starting, .running, .returning, .draining, .freezing, .frozen, .backingOff: false
    }
  }

  var isVerifying: Bool { lifecycle.isVerifying }

  /// At the last look, those who wait included.
  var connectionCount: Int { phase == .dormant ? 0 : lastConnectionCount }

  /// If nothing happens until then; nil: it isn't running, or never rests.
  var restInSeconds: Double? { lifecycle.earliestRest.map { max(0, TimeSpan.seconds($0.since(now))) } }

  var retryInSeconds: Double? {
    guard case .backingOff(let backingOff) = lifecycle.state else { return nil }
    return max(0, TimeSpan.seconds(backingOff.until.since(now)))
  }

  var mainPID: Int32? { madeRuntime?.processes.mainPID }
  var memoryBytes: UInt64? { mainPID == nil ? nil : processes.memoryBytes }
}

extension ConnectionService {
  var phase: UnitStatus.State { connectionCount == 0 ? .dormant : .running }
}
