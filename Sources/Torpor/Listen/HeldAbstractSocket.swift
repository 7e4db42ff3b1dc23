import Lifecycle
import Linux

/// A held abstract name. Nothing can be put in its place while somebody has it, so all instances get the same socket.
final class HeldAbstractSocket: SignalledSocket {
  var index: Int
  var nameIndex: Int
  let address: UnixAddress
  let type: UnixSocket.Kind
  private var settings: SocketSettings
  let watcher: ListenerWatch
  private(set) var socket: UnixSocket
  /// Somebody else has taken the name.
  private var isNameless = false
  var arrivals = Arrivals()

  init(
    _ address: UnixAddress, type: UnixSocket.Kind, index: Int, nameIndex: Int, settings: SocketSettings, loop: EventLoop
  ) throws(Errno) {
    self.index = index
    self.nameIndex = nameIndex
    self.address = address
    self.type = type
    self.settings = settings
    watcher = ListenerWatch(loop: loop)
    socket = try Self.bound(address, type, settings)
    watcher.onShutDown = { [unowned self] in
      unwatch()
      // It stays so until there is another: it would be told in every turn of the loop.
      watcher.isMuted = true
    }
  }

  private static func bound(
    _ address: UnixAddress, _ type: UnixSocket.Kind, _ settings: SocketSettings
  ) throws(Errno) -> UnixSocket {
    let socket = try UnixSocket(type)
    try socket.apply(settings)
    try socket.bind(to: address)
    if type.listens { try socket.listen(backlog: settings.backlog) }
    try socket.descriptor.setNonBlocking(false)
    return socket
  }

  /// What the service set on its own socket before bind; what was asked of the held one stands.
  func adoptOptions(from other: borrowing OwnedFD) {
    socket.copyOptions(from: other)
    try? socket.apply(settings)
  }

  var name: String { type.prefix + address.description }
  var kind: SocketKind { .fixed }
  var number: Int32 { socket.descriptor.number }
  var isHandedOver: Bool { true }
  var hasMessages: Bool { !type.listens }

  func withCurrent(_ body: (borrowing OwnedFD) throws(Errno) -> Void) throws(Errno) { try body(socket.descriptor) }

  func openNext() throws(Errno) {}
  func steerToNext() throws(Errno) {}
  func steerToCurrent() throws(Errno) {}
  func relayStrays() throws(Errno) -> Int { 0 }
  func relayWaiting() throws(Errno) {}
  func stopRelaying() {}
  func closeNext() throws(Errno) -> Int { 0 }

  /// No process is left: the same socket for the next instance.
  func swap(migrates: Bool) throws(Errno) -> Int {
    unwatch()
    ArrivalSignal.disarm(socket.descriptor)
    try replaceIfShutDown()
    try listenAgain()
    return 0
  }

  func listenAgain() throws(Errno) {
    if type.listens, !isNameless, !socket.isShutDown() { try socket.listen(backlog: settings.backlog) }
  }

  /// shutdown() of a unix socket is final, and its name is free when nobody has it any more: so only when no process of the
  /// service is left. Throws `.inUse` when somebody else was faster.
  func replaceIfShutDown() throws(Errno) {
    guard isNameless || socket.isShutDown() else { return }
    ArrivalSignal.disarm(socket.descriptor)
    // An unnamed one in the meantime: the name is free as soon as the last descriptor is closed.
    socket = try UnixSocket(type)
    isNameless = true
    socket = try Self.bound(address, type, settings)
    isNameless = false
    watcher.isMuted = false
  }

  func change(to address: ListenAddress, _: SocketAccess, warn: (String) -> Void) {
    let before = settings
    settings = address.settings
    tell(socket.change(from: before, to: settings), warn)
    if settings.backlog != before.backlog { try? listenAgain() }
  }

  func abandon() {
    unwatch()
    ArrivalSignal.disarm(socket.descriptor)
    socket.shutDown(2 /* SHUT_RDWR */)
  }

  func instanceEnded() {}
  func release() { unwatch() }
}
