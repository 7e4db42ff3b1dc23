import Lifecycle
import Linux

/// A held unix path.
///
/// Streams and sequenced packets are steered. Datagrams are not: a sender that has connected would go on sending to the socket
/// before, for which there is nobody to tell it. There is one socket for all instances; what isn't read waits in it.
final class HeldUnixSocket: SignalledSocket {
  var index: Int
  var nameIndex: Int
  let address: UnixAddress
  let type: UnixSocket.Kind
  var group: UnixGenerations
  let watcher: ListenerWatch
  private let allRelays: ServiceRelays
  private var relays: UnixRelays { allRelays.unix }
  private var leftovers: Leftovers { allRelays.leftovers }
  /// The mode and the owner that were asked for; else the service's own bind() decides.
  private let fixed: SocketAccess
  /// Further names of it.
  var links: PathLinks?
  /// The service's own socket, where it couldn't be exchanged for ours at READY=1: we relay there.
  var relayTarget: UnixAddress?
  /// What the sense knows of it.
  var arrivals = Arrivals()
  /// Endings of names beside the path that the service's bind() was given.
  private var suffixes: Set<String> = []
  /// What the service's last bind() would have made of the file.
  private var lastMade: UnixGenerations.Permissions?

  init(
    _ address: UnixAddress, type: UnixSocket.Kind, index: Int, nameIndex: Int, access: SocketAccess,
    settings: SocketSettings = SocketSettings(), relays: ServiceRelays, loop: EventLoop
  ) throws(UnixGenerations.Refusal) {
    self.index = index
    self.nameIndex = nameIndex
    self.address = address
    self.type = type
    allRelays = relays
    fixed = access
    watcher = ListenerWatch(loop: loop)
    group = try UnixGenerations(
      address.description, kind: type,
      permissions: UnixGenerations.Permissions(
        mode: access.mode ?? SocketAccess.defaultMode, user: access.user, group: access.group),
      directoryMode: access.directoryMode, settings: settings)
    watcher.onShutDown = { [unowned self] in unwatch() }
  }

  var name: String { type.prefix + address.description }
  var kind: SocketKind { type.listens ? .unixPath : .fixed }
  var number: Int32 { group.current.descriptor.number }
  var isHandedOver: Bool { relayTarget == nil }

  func withCurrent(_ body: (borrowing OwnedFD) throws(Errno) -> Void) throws(Errno) {
    try body(group.current.descriptor)
  }

  func openNext() throws(Errno) { try group.openNext() }
  func steerToNext() throws(Errno) {
    if kind != .fixed { try group.steerToNext() }
  }

  func steerToCurrent() throws(Errno) {
    makeRoom()
    try group.steerToCurrent()
  }

  func listenAgain() throws(Errno) {
    makeRoom()
    try group.listenAgain()
  }

  /// A current socket that the service has shut down is replaced.
  private func makeRoom() {
    guard group.current.isShutDown() else { return }
    unwatch()
    ArrivalSignal.disarm(group.current.descriptor)
  }

  func relayStrays() throws(Errno) -> Int {
    let before = relays.begun
    try group.withNext { next throws(Errno) in try relays.take(from: next, to: self) }
    return relays.begun - before
  }

  func relayWaiting() throws(Errno) {
    if relayTarget != nil { try relays.take(from: group.current, to: self) }
  }

  func stopRelaying() { relayTarget = nil }

  func closeNext() throws(Errno) -> Int {
    let before = relays.begun
    if let strays = group.takeStrays() { leftovers.serve(strays, of: self) }
    return relays.begun - before
  }

  func swap(migrates: Bool) throws(Errno) -> Int {
    unwatch()
    ArrivalSignal.disarm(group.current.descriptor)
    if let before = group.swap() { leftovers.serve(before, of: self) }
    // Who is late by a moment is relayed, and not worth a word.
    return 0
  }

  func abandon() {
    unwatch()
    ArrivalSignal.disarm(group.current.descriptor)
    allRelays.forget(self)
    group.current.shutDown(2 /* SHUT_RDWR */)
    links?.remove()
    group.remove()
  }

  func instanceEnded() {
    for suffix in suffixes { group.removeBeside(suffix: suffix) }
    suffixes = []
    guard let former = group.takeFormer() else { return }
    // Nobody can be accepted from a socket of datagrams.
    if type.listens { leftovers.serve(former, of: self) }
  }

  func release() {
    unwatch()
    allRelays.forget(self)
    links?.remove()
    group.remove()
  }

  // MARK: the service's own bind()

  /// Its file is what bind() would have made, and its name there, whatever the service has done to it before.
  /// `suffix`: it has bound the path with this at its end, to rename it.
  func noteBind(by creator: ProcessFiles.Creator, fileMode: UInt32, suffix: String?) throws(Errno) {
    let owner: (user: UInt32?, group: UInt32?) = fixed.isOwnerFixed ? (fixed.user, fixed.group) : (nil, nil)
    let (user, group) = (owner.user ?? creator.user, owner.group ?? creator.group)
    let made = UnixGenerations.Permissions(
      mode: fixed.mode ?? (fileMode & ~creator.mask), user: user, group: group)
    if made == lastMade, let present = try self.group.currentStatus() {
      // A service that changes its file after bind() (php-fpm gives it away) does so in each life. It stays what the service
      // made of it, so that nobody is turned away between the two who could connect before.
      try self.group.noteBind(mode: present.mode, user: present.user, group: present.group)
    } else {
      try self.group.noteBind(mode: made.mode, user: user, group: group)
    }
    lastMade = made
    guard let suffix, suffixes.count < 64 else { return }
    try self.group.linkBeside(suffix: suffix)
    suffixes.insert(suffix)
  }
}

/// Who may connect to a held path.
struct SocketAccess: Equatable, Sendable {
  /// systemd's SocketMode=; nil: everybody until the service has bound the path, and then whoever its own bind() would let.
  var mode: UInt32?
  /// systemd's DirectoryMode=.
  var directoryMode: UInt32 = 0o755
  /// Whom the path belongs to; nil: whoever makes it.
  var user: UInt32?
  var group: UInt32?
  /// They were asked for (SocketUser=, SocketGroup=), so that the service's own bind() doesn't change them.
  var isOwnerFixed = false

  static let defaultMode: UInt32 = 0o666
}
