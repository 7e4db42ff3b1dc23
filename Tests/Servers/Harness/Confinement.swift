import Foundation

/// How a container may refuse us the seccomp listener, or sock_diag(7) (Tests/confined).
enum Confinement: String, Sendable {
  /// A filter that denies it.
  case refuse
  /// A listener of its own.
  case busy
  /// A filter denies the sockets of sock_diag(7), so that no connection can be seen.
  case blind

  /// `TORPOR_CONFINED=refuse` or `busy`: all tests run torpor like this.
  static let everywhere = ProcessInfo.processInfo.environment["TORPOR_CONFINED"].flatMap { Confinement(rawValue: $0) }
}
