import Lifecycle

/// What sort of service is simulated.
public enum Profile: String, CaseIterable, Sendable {
  /// TCP listeners.
  case tcp
  /// Unix stream listeners at paths, alone or with TCP ones.
  case unix
  /// UDP, alone or with stream listeners.
  case udp
  /// Services that are frozen: to sleep with connections open, or to be killed; and those whose silent connections don't count.
  case freeze
  /// All of these, under a manager that is killed now and then.
  case succession
  /// All of these, with owners who ask for rests, pins, verifications and other timeouts, with restart policies and limits, and
  /// with services that work without connections, say that they are busy or leaving, or miss their watchdog.
  case owner

  /// In a round of all profiles each seed has one.
  public init(of seed: UInt64) { self = Profile.allCases[Int(seed % UInt64(Profile.allCases.count))] }

  func sockets(_ random: inout Random) -> [SocketKind] {
    switch self {
    case .tcp: Array(repeating: .tcp, count: random.chance(30) ? 2 : 1)
    case .unix: random.pick([[.unixPath], [.unixPath], [.unixPath, .unixPath], [.tcp, .unixPath]])
    case .udp: random.pick([[.datagram], [.datagram], [.datagram, .tcp], [.datagram, .unixPath]])
    case .freeze:
      random.pick([
        [.tcp], [.tcp], [.unixPath], [.tcp, .unixPath], [.datagram, .tcp], [.fixed], [.fixed, .tcp],
        [.fixed, .datagram],
      ])
    case .succession, .owner: random.pick([Profile.tcp, .unix, .udp, .freeze]).sockets(&random)
    }
  }

  private func adaptToOwner(_ configuration: inout Lifecycle.Configuration, _ random: inout Random) {
    if random.chance(40) {
      configuration.restart = random.pick([.onSuccess, .onFailure, .onAbnormal, .onAbort, .onWatchdog, .always])
      if random.chance(50) { configuration.restartDelay = .milliseconds(random.pick([1, 2_000, 90_000])) }
    }
    if random.chance(30) {
      configuration.startLimit = Lifecycle.Configuration.Limit(
        count: 1 + random.below(4), interval: .seconds(random.pick([2, 20, 200])))
    }
    if random.chance(30) {
      configuration.triggerLimit = Lifecycle.Configuration.Limit(
        count: 1 + random.below(3), interval: .seconds(random.pick([2, 200, 2_000])))
    }
    if random.chance(30) {
      configuration.minimumUptime = .nanoseconds(Int64(random.spread(millisecond...20 * second)))
    }
    configuration.looksRegularly = random.chance(40)
    configuration.killMode = random.pick([.controlGroup, .controlGroup, .mixed, .process])
  }

  /// A service that would be started again after its time would never come to an end, nor would its schedule.
  func adaptEnds(_ configuration: inout Lifecycle.Configuration, _ random: inout Random) {
    configuration.startTimeoutMode = random.pick([.terminate, .terminate, .abort, .kill])
    configuration.stopTimeoutMode = random.pick([.terminate, .terminate, .abort])
    configuration.abortTimeout = .milliseconds(random.pick([20, 2_000]))
    let ends: [EndStatuses] = [
      EndStatuses(), EndStatuses(codes: [1]), EndStatuses(codes: [0]), EndStatuses(signals: [6, 11]),
    ]
    configuration.restartPreventing = random.pick(ends)
    switch configuration.restart {
    case .no, .onSuccess, .onAbort, .onWatchdog:
      guard random.chance(40) else { break }
      configuration.runtimeMax = .nanoseconds(Int64(random.spread(second...20 * second)))
      return
    case .onFailure, .onAbnormal, .always: break
    }
    configuration.restartForcing = random.pick(ends)
  }

  /// What the other profiles don't have.
  func adapt(_ configuration: inout Lifecycle.Configuration, _ random: inout Random) {
    if self == .owner {
      adaptToOwner(&configuration, &random)
      guard random.chance(40) || configuration.sockets.contains(.fixed) else { return }
    }
    guard self == .freeze || self == .succession || self == .owner else { return }
    configuration.canFreeze = true
    // Nothing else is without loss.
    configuration.mayKill = configuration.sockets.contains(.fixed)
    guard !configuration.mayKill else { return }
    if random.chance(60) {
      configuration.rest = .freeze
      if random.chance(40) {
        configuration.stopAfterFrozen = .nanoseconds(Int64(random.spread(10 * millisecond...100 * second)))
      }
    } else if random.chance(50) {
      configuration.connections = .active
    }
  }
}
