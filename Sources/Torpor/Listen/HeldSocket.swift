import Lifecycle
import Linux

/// One held address: its sockets, and how the loop watches the one that the service gets.
///
/// Each kind of socket has its own way to have two of them, of which new connections go to one (`SocketKind`).
protocol HeldSocket: AnyObject {
  var index: Int { get set }
  /// Sockets with the same number were named by one word: "8080" is 127.0.0.1:8080 and [::1]:8080.
  var nameIndex: Int { get set }
  /// As a person knows it: "127.0.0.1:8080", "/run/redis.sock".
  var name: String { get }
  var kind: SocketKind { get }
  var watcher: ListenerWatch { get }
  /// Its connections come to the service itself, not by way of a relay of ours.
  var isHandedOver: Bool { get }
  /// The current socket's descriptor, for a child that gets it.
  var number: Int32 { get }

  func withCurrent(_ body: (borrowing OwnedFD) throws(Errno) -> Void) throws(Errno)
  func openNext() throws(Errno)
  func steerToNext() throws(Errno)
  func steerToCurrent() throws(Errno)
  /// Accepts whoever waits on the next socket and relays them to the current one. Returns how many.
  func relayStrays() throws(Errno) -> Int
  /// Returns how many were handed back to the current socket.
  func closeNext() throws(Errno) -> Int
  /// The next socket becomes the current one. `migrates`: what waits on the one before is moved by the kernel.
  /// Returns how many waited there although nobody should.
  func swap(migrates: Bool) throws(Errno) -> Int
  /// Accepts whoever waits and relays them, where it isn't handed over. Throws when one had to be left.
  func relayWaiting() throws(Errno)
  /// From now on it is handed over.
  func stopRelaying()
  func listenAgain() throws(Errno)
  /// Takes up what is asked of it from now on, whoever has it. `warn` hears of what can't be had.
  func change(to address: ListenAddress, _ access: SocketAccess, warn: (String) -> Void)
  /// Nobody listens here any more: neither we nor the service, which may have the same socket by LISTEN_FDS.
  func abandon()
  /// No process of the service is left.
  func instanceEnded()
  /// We leave.
  func release()
}

extension HeldSocket {
  /// Watches for connections, or only for a shutdown() by the service.
  func watch(for interest: ListenerWatch.Interest) {
    try? withCurrent { watcher.set(interest, on: $0) }
  }

  func tell(_ failures: SocketSettings.Failures, _ warn: (String) -> Void) {
    for failure in failures { warn("\(failure.key)= can't be set on \(name): \(failure.errno)") }
  }

  /// Before the current socket is closed or replaced.
  func unwatch() {
    try? withCurrent { watcher.clear($0) }
  }

  /// Whoever has a duplicate of it may have made it so.
  var isNonBlocking: Bool {
    var isNonBlocking = false
    try? withCurrent { current throws(Errno) in isNonBlocking = try current.isNonBlocking() }
    return isNonBlocking
  }

  /// Turns away who waits, and drops what nobody has read. Returns whether there was anything. Only while nobody else uses it:
  /// it doesn't block from here on.
  func flush() throws(Errno) -> Bool {
    try setNonBlocking(true)
    var count = 0
    try withCurrent { current throws(Errno) in
      // No queue is longer than net.core.somaxconn, and what comes meanwhile has an end here.
      while count < 65536, current.readiness().contains(.readable) {
        if hasConnections {
          guard try TCPSocket.acceptConnection(from: current) != nil else { return }
        } else {
          var bytes = [UInt8](repeating: 0, count: 4096)
          do throws(Errno) { _ = try current.read(into: &bytes) } catch {
            if error == .again { return }
            throw error
          }
        }
        count += 1
      }
    }
    return count > 0
  }

  func setNonBlocking(_ isNonBlocking: Bool) throws(Errno) {
    try withCurrent { current throws(Errno) in try current.setNonBlocking(isNonBlocking) }
  }
}

/// How the loop watches one listening socket.
final class ListenerWatch {
  enum Interest { case connections, shutDownOnly }

  private let loop: EventLoop
  private var token: EventLoop.Token?
  private var interest = Interest.shutDownOnly
  /// It isn't watched, whatever is asked for.
  var isMuted = false
  /// Called with whether the socket was shut down; else somebody waits.
  var onEvent: ((_ isShutDown: Bool) -> Void)?

  init(loop: EventLoop) { self.loop = loop }

  /// A shutdown() by the service is announced by nothing else: as EPOLLHUP, or for a unix socket as EPOLLRDHUP.
  func set(_ wanted: Interest, on listener: borrowing OwnedFD) {
    if isMuted { return }
    interest = wanted
    // An error is told whether it is asked for or not, and of a UDP socket with IP_RECVERR for as long as the service doesn't read
    // it: once, where nothing is done about it.
    let readiness: Readiness = wanted == .connections ? [.readable, .readHangUp] : [.readHangUp, .edgeTriggered]
    if let token {
      loop.change(token, listener, to: readiness)
    } else {
      token = try? loop.add(listener, for: readiness) { [weak self] in self?.handle($0) }
    }
  }

  func clear(_ listener: borrowing OwnedFD) {
    if let token { loop.remove(token, listener) }
    token = nil
  }

  /// Set by whoever owns the listener: how it is taken out of the loop.
  var onShutDown: (() -> Void)?

  private func handle(_ readiness: Readiness) {
    if !readiness.isDisjoint(with: [.hangUp, .readHangUp]) {
      // Level-triggered: it would be told again and again until the socket listens.
      onShutDown?()
      onEvent?(true)
    } else if interest == .connections {
      onEvent?(false)
    }
  }
}
