import Lifecycle
import Linux

/// A held UDP address.
final class HeldDatagramSocket: HeldSocket {
  var index: Int
  var nameIndex: Int
  let watcher: ListenerWatch
  var group: DatagramGroup
  /// The stamp of the last datagram that somebody had read at the last look.
  var lastStamp: Int64?

  init(
    _ socket: ListenAddress.Socket, index: Int, nameIndex: Int, settings: SocketSettings, loop: EventLoop
  ) throws(Errno) {
    self.index = index
    self.nameIndex = nameIndex
    watcher = ListenerWatch(loop: loop)
    do throws(Errno) {
      group = try DatagramGroup(socket.address, isIPv6Only: socket.isIPv6Only, settings: settings)
    } catch {
      guard let fallback = socket.fallback, HeldTCPSocket.meansNoIPv6(error) else { throw error }
      group = try DatagramGroup(fallback, isIPv6Only: false, settings: settings)
    }
    watcher.onShutDown = { [unowned self] in unwatch() }
    watcher.onError = { [unowned self] in group.current.takeErrors() }
  }

  var address: SocketAddress { group.address }
  var name: String { "udp:\(address)" }
  var kind: SocketKind { .datagram }
  var number: Int32 { group.current.descriptor.number }
  var isHandedOver: Bool { true }

  func withCurrent(_ body: (borrowing OwnedFD) throws(Errno) -> Void) throws(Errno) {
    try body(group.current.descriptor)
  }

  func openNext() throws(Errno) { try group.openNext() }
  /// Datagrams can't be steered back: they stay where they are until `commit`.
  func steerToNext() throws(Errno) {}
  func steerToCurrent() throws(Errno) {}
  func commit() throws(Errno) { try group.commit() }
  func withdraw() throws(Errno) { try group.withdraw() }
  func relayStrays() throws(Errno) -> Int { 0 }
  func relayWaiting() throws(Errno) {}
  func stopRelaying() {}

  func closeNext() throws(Errno) -> Int {
    try group.closeNext()
    return 0
  }

  func swap(migrates: Bool) throws(Errno) -> Int {
    unwatch()
    lastStamp = nil
    return try group.swap() ? 1 : 0
  }

  /// A UDP socket that was shut down can't be brought back: another one takes its place.
  func listenAgain() throws(Errno) {
    guard group.current.isShutDown else { return }
    unwatch()
    try group.openNext()
    try group.commit()
    _ = try group.swap()
  }

  /// One that the service has connected hears its one client and nobody else, and stays so when the service has gone.
  func replaceIfConnected() throws(Errno) {
    guard group.current.isConnected else { return }
    unwatch()
    try group.replaceCurrent()
  }

  func change(to address: ListenAddress, _: SocketAccess, warn: (String) -> Void) {
    tell(group.change(to: address.settings), warn)
  }

  func abandon() {
    unwatch()
    group.current.shutDown()
  }

  func instanceEnded() {}
  func release() { unwatch() }
}
