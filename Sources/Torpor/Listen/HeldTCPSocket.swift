import Lifecycle
import Linux

/// A held TCP address.
final class HeldTCPSocket: HeldSocket {
  var index: Int
  var nameIndex: Int
  var group: ReuseportGroup
  let watcher: ListenerWatch
  private let allRelays: ServiceRelays
  private var relays: Relays { allRelays.tcp }
  /// Where our own relay takes its connections, when the service's one bind() to a wildcard covers this address, too
  /// (it can have only one of the sockets), or when its own socket couldn't be exchanged for ours at READY=1.
  var relayTarget: SocketAddress?

  init(
    _ socket: ListenAddress.Socket, index: Int, nameIndex: Int,
    settings: SocketSettings = SocketSettings(), relays: ServiceRelays, loop: EventLoop
  ) throws(Errno) {
    self.index = index
    self.nameIndex = nameIndex
    allRelays = relays
    watcher = ListenerWatch(loop: loop)
    do throws(Errno) {
      group = try ReuseportGroup(socket.address, isIPv6Only: socket.isIPv6Only, settings: settings)
    } catch {
      guard let fallback = socket.fallback, Self.meansNoIPv6(error) else { throw error }
      group = try ReuseportGroup(fallback, isIPv6Only: false, settings: settings)
    }
    watcher.onShutDown = { [unowned self] in unwatch() }
  }

  /// What bind and socket say of an IPv6 address where IPv6 is off.
  static func meansNoIPv6(_ error: Errno) -> Bool { error == .noFamily || error == .notAvailable }

  var address: SocketAddress { group.address }
  var name: String { address.description }
  var kind: SocketKind { .tcp }
  var number: Int32 { group.current.descriptor.number }
  /// The sockets that a relay doesn't serve have two generations.
  var isHandedOver: Bool { relayTarget == nil }

  func withCurrent(_ body: (borrowing OwnedFD) throws(Errno) -> Void) throws(Errno) {
    try body(group.current.descriptor)
  }

  func openNext() throws(Errno) { try group.openNext() }
  func steerToNext() throws(Errno) { try group.steerToNext() }
  func steerToCurrent() throws(Errno) { try group.steerToCurrent() }
  func closeNext() throws(Errno) -> Int { try group.closeNext() }
  func listenAgain() throws(Errno) { try group.listenAgain() }

  func relayStrays() throws(Errno) -> Int {
    let before = relays.begun
    try group.withNext { next throws(Errno) in try relays.take(fromShared: next, to: .tcp(address)) }
    return relays.begun - before
  }

  func relayWaiting() throws(Errno) {
    if let relayTarget { try relays.take(fromShared: group.current, to: .tcp(relayTarget)) }
  }

  func stopRelaying() { relayTarget = nil }

  func swap(migrates: Bool) throws(Errno) -> Int {
    if !migrates, group.current.acceptQueueLength() > 0 {
      // It should be empty. What is there nonetheless, nobody else can serve.
      try relays.take(fromShared: group.current, to: .tcp(address))
    }
    unwatch()
    return try group.swap()
  }

  /// Processes that outlive the service (KillMode=process) may have it, too: it must not stay in the group for them.
  func shutDownCurrent() { group.current.shutDown(0 /* SHUT_RD */) }

  func abandon() {
    unwatch()
    group.current.shutDown(2 /* SHUT_RDWR */)
  }

  func instanceEnded() {}
  func release() { unwatch() }
}
