import Linux

/// The sockets that a service has at the places of held ones until it says that it is ready.
///
/// A server that listens before it has loaded takes connections only to answer that it can't serve them yet. So its own
/// bind() leads to an address that nobody knows, and what comes to the held one waits.
final class Deferral {
  /// One of the service's own sockets, bound where nobody looks for it.
  final class Dummy {
    enum Held {
      case tcp(HeldTCPSocket, covering: [HeldTCPSocket])
      case path(HeldUnixSocket)
    }
    enum Place {
      case port(SocketAddress)
      case name(UnixAddress, UnixSocket.Kind)
    }

    let held: Held
    let place: Place
    /// The number that it was bound by.
    let number: Int32
    let inode: UInt64
    /// Keeps the inode's number from being another's.
    let file: ForeignFile

    init(_ held: Held, at place: Place, number: Int32, inode: UInt64, file: consuming ForeignFile) {
      self.held = held
      self.place = place
      self.number = number
      self.inode = inode
      self.file = file
    }
  }

  static let dummiesMax = 64

  /// Where READY=1 is sent.
  let notifyAddress: UnixAddress
  /// READY=1 has been seen: from now on the held sockets are the service's at once.
  var isOver = false
  var dummies: [Dummy] = []
  /// The sendmsg() of READY=1, while it waits for a process that was just forked to close what it has inherited.
  var pending: SeccompListener.Call?
  private var looks = 0
  private let alarm: Alarm
  private var whenDue: (() -> Void)?

  init(until notifyAddress: UnixAddress, loop: EventLoop) {
    self.notifyAddress = notifyAddress
    alarm = Alarm(loop: loop)
  }

  /// Calls `body` in 1 ms, 2 ms, 4 ms … 32 ms. Returns whether it will.
  func lookAgain(_ body: @escaping () -> Void) -> Bool {
    guard looks < 6 else { return false }
    looks += 1
    later(milliseconds: 1 << UInt64(looks - 1), body)
    return true
  }

  /// Calls `body` later, in the place of what was to be called so far.
  func later(milliseconds: UInt64, _ body: @escaping () -> Void) {
    whenDue = body
    alarm.onDue = { [weak self] in self?.due() }
    alarm.set(to: MonotonicClock.now() + milliseconds * 1_000_000)
  }

  private func due() {
    let body = whenDue
    close()
    body?()
  }

  func close() {
    alarm.set(to: nil)
    whenDue = nil
  }
}
