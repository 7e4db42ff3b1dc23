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
    case .succession: random.pick([Profile.tcp, .unix, .udp, .freeze]).sockets(&random)
    }
  }

  /// What the other profiles don't have.
  func adapt(_ configuration: inout Lifecycle.Configuration, _ random: inout Random) {
    guard self == .freeze || self == .succession else { return }
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
