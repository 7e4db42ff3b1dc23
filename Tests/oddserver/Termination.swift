import Glibc
import Synchronization

/// What SIGTERM does. Exit code 0 at once unless a behaviour says otherwise: connections in hand are cut, so that a
/// manager that stops a busy server is found out.
enum Termination {
  /// The listeners, a bit each, for a handler may take no lock and follow no array.
  private static let listeners = Atomic<UInt64>(0)

  static func install(_ behaviours: Behaviours) {
    if behaviours.ignoresTermination {
      signal(SIGTERM, SIG_IGN)
    } else if behaviours.shutsListenerDownOnTermination {
      // Touched before a signal can come, as a handler may not initialize anything.
      listeners.store(0, ordering: .relaxed)
      signal(SIGTERM) { _ in
        Termination.shutListenersDown()
        _exit(0)
      }
    } else {
      signal(SIGTERM) { _ in _exit(0) }
    }
  }

  static func note(listener descriptor: Int32) {
    guard descriptor < 64 else { die("descriptor \(descriptor) is too high for a listener", exitCode: 1) }
    listeners.bitwiseOr(1 << UInt64(descriptor), ordering: .relaxed)
  }

  /// shutdown(2) acts on the socket, not on the descriptor: it ends listening for everybody who shares it.
  static func shutListenersDown() {
    var bits = listeners.load(ordering: .relaxed)
    while bits != 0 {
      shutdown(Int32(bits.trailingZeroBitCount), Int32(SHUT_RDWR))
      bits &= bits - 1
    }
  }
}
