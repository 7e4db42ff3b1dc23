import CLinux
import Glibc

/// The listening sockets of one unix path, and which of them the path leads to: the counterpart of `ReuseportGroup`.
///
/// A second one is bound where nobody can reach it, and is renamed over the path: connect() finds the one or the other, and
/// never nothing. The one before is still the service's, and its second link brings it back. A queue can't be moved.
public struct UnixGenerations: ~Copyable {
  public var path: String { directory.path }
  /// The socket that a service gets.
  public private(set) var current: UnixSocket
  /// The one that it doesn't get, while a rest is under way.
  public private(set) var next: UnixSocket?
  /// One that the service has shut down, which can't be undone: kept until nobody waits there any more.
  public private(set) var former: UnixSocket?
  private var directory: SocketDirectory
  private let directoryMode: UInt32
  private var slot = SocketDirectory.Slot.a
  let kind: UnixSocket.Kind
  /// Of those to come.
  var settings: SocketSettings
  /// Which of the two the path is to lead to.
  private var isSteeredToNext = false
  /// The current socket's file, and its permissions when they were last seen.
  private var file: SocketDirectory.FileStatus

  /// Who may connect, and to whom the file belongs; nil: to us.
  public struct Permissions: Equatable, Sendable {
    public var mode: UInt32
    public var user: UInt32?
    public var group: UInt32?

    public init(mode: UInt32 = 0o666, user: UInt32? = nil, group: UInt32? = nil) {
      self.mode = mode
      self.user = user
      self.group = group
    }
  }

  /// Holds `path`, an absolute one: bound and listening. A socket that nobody listens on is replaced.
  public init(
    _ path: String, kind: UnixSocket.Kind = .stream, permissions: Permissions = Permissions(),
    directoryMode: UInt32 = 0o755, settings: SocketSettings = SocketSettings()
  ) throws(Refusal) {
    let directory = try Self.directory(for: path, mode: directoryMode)
    let socket: UnixSocket
    do throws(Refusal) {
      socket = try Self.first(kind, in: directory, permissions, settings)
    } catch {
      directory.destroy()
      throw error
    }
    let file: SocketDirectory.FileStatus
    do throws(Errno) { file = try directory.existing(.a) } catch { throw .kernel(error) }
    self.init(
      directory: directory, directoryMode: directoryMode, socket: socket, kind: kind, settings: settings, file: file)
  }

  private init(
    directory: consuming SocketDirectory, directoryMode: UInt32, socket: consuming UnixSocket, kind: UnixSocket.Kind,
    settings: SocketSettings, file: SocketDirectory.FileStatus
  ) {
    self.directory = directory
    self.directoryMode = directoryMode
    self.kind = kind
    self.settings = settings
    self.file = file
    current = socket
  }

  // MARK: generations

  /// Makes the second socket, with the permissions that the first one's file has now. It gets nothing yet.
  public mutating func openNext() throws(Errno) {
    guard next == nil else { return }
    let socket = try successor()
    next = consume socket
  }

  private mutating func successor() throws(Errno) -> UnixSocket {
    try ensureDirectory()
    if let present = try directory.status(of: slot) { file = present }
    let socket = try Self.bound(
      kind, in: directory, slot.other, Permissions(mode: file.permissions, user: file.owner, group: file.group),
      settings)
    socket.copyOptions(from: current.descriptor)
    return socket
  }

  /// From here on the path leads to the next socket. Whoever has looked it up before is about to enter the current one's
  /// queue.
  public mutating func steerToNext() throws(Errno) {
    guard next != nil else { throw .noEntry }
    // The service may have changed its file's mode since.
    if let present = try directory.status(of: slot) {
      try directory.setPermissions(
        slot.other, mode: present.permissions, owner: present.owner, group: present.group)
    }
    try directory.publish()
    isSteeredToNext = true
  }

  /// Brings the current socket's name back, whoever has removed or replaced it.
  public mutating func steerToCurrent() throws(Errno) {
    isSteeredToNext = false
    if try isLost() { return try replaceCurrent() }
    try directory.restore(slot)
  }

  /// Brings the path back to where it should lead.
  public mutating func putInPlace() throws(Errno) {
    if isSteeredToNext { try directory.restore(slot.other) } else { try steerToCurrent() }
  }

  /// Whether the path leads where it should: somebody may have removed or replaced it.
  public func isInPlace() -> Bool {
    guard let present = try? directory.publicStatus()?.identity else { return false }
    return SocketDirectory.Slot.allCases.contains { (try? directory.status(of: $0))?.identity == present }
  }

  /// Nobody can reach the current socket any more, and nothing changes that: it was shut down, or has lost all its names.
  private mutating func isLost() throws(Errno) -> Bool {
    if current.isShutDown() { return true }
    try ensureDirectory()
    return try directory.status(of: slot) == nil
  }

  /// Makes our private directory again if somebody has removed it, and the current socket's second link.
  private mutating func ensureDirectory() throws(Errno) {
    if directory.isGone { directory = try SocketDirectory(for: path, parentMode: directoryMode) }
    if try directory.status(of: slot) == nil, try directory.publicStatus()?.identity == file.identity {
      try directory.relink(slot)
    }
  }

  /// The current socket's backlog is ours again, and the path leads to it. One that was shut down is replaced: shutdown() of a
  /// unix listener is final, and its clients are refused.
  public mutating func listenAgain() throws(Errno) {
    if try isLost() { return try replaceCurrent() }
    if kind.listens { try current.listen(backlog: settings.backlog) }
    if next == nil { try directory.restore(slot) }
  }

  private mutating func replaceCurrent() throws(Errno) {
    // A next one exists already, and nobody else has it: it goes on as the current one.
    if next == nil {
      let socket = try successor()
      next = consume socket
    }
    if !isSteeredToNext {
      // One that was steered to before has no unpublished name any more: then by its second link.
      do throws(Errno) { try directory.publish() } catch { try directory.restore(slot.other) }
    }
    former = takeNext()
  }

  /// The next socket is current from here on. Returns the one before.
  private mutating func takeNext() -> UnixSocket? {
    guard var other = next.take() else { return nil }
    isSteeredToNext = false
    directory.forget(slot)
    slot = slot.other
    if let present = try? directory.status(of: slot) { file = present }
    Swift.swap(&current, &other)
    return other
  }

  /// Gives the next socket up. The caller serves who waits there, and closes it.
  public mutating func takeStrays() -> UnixSocket? {
    guard let strays = next.take() else { return nil }
    isSteeredToNext = false
    directory.forget(slot.other)
    return strays
  }

  /// The next socket becomes the current one. The caller serves who waits at the one before, and closes it.
  public mutating func swap() -> UnixSocket? {
    guard next != nil else { return nil }
    return takeNext()
  }

  public mutating func takeFormer() -> UnixSocket? { former.take() }

  public func withNext(_ body: (borrowing UnixSocket) throws(Errno) -> Void) throws(Errno) {
    switch next {
    case .some(let next): try body(next)
    case .none: break
    }
  }

  public func withFormer(_ body: (borrowing UnixSocket) -> Void) {
    switch former {
    case .some(let former): body(former)
    case .none: break
    }
  }

  // MARK: what the service does to its path

  /// What a server set on its own socket before bind, for the current one; what was asked of the held socket stands.
  public func adoptOptions(from other: borrowing OwnedFD) {
    current.copyOptions(from: other)
    try? settings.apply(to: current.descriptor, .unix)
  }

  /// The directory that the path is in.
  public func parentIdentity() throws(Errno) -> FileIdentity { try directory.parentIdentity() }

  /// The last component of the path.
  public var baseName: [UInt8] { directory.baseName }

  /// The service's bind() has landed on the current socket: its file is what bind() would have made.
  public mutating func noteBind(mode: UInt32?, user: UInt32, group: UInt32) throws(Errno) {
    try ensureDirectory()
    try directory.restore(slot)
    let present = try directory.existing(slot)
    // Only root can give a file away, and need not where it is the service's own already.
    let isRoot = geteuid() == 0
    try directory.setPermissions(
      slot, mode: mode ?? present.permissions, owner: isRoot ? user : present.owner,
      group: isRoot && present.owner != user ? group : present.group)
  }

  /// Who may connect from here on, to whichever of the two.
  public mutating func setPermissions(mode: UInt32, user: UInt32, group: UInt32) throws(Errno) {
    for slot in SocketDirectory.Slot.allCases where try directory.status(of: slot) != nil {
      try directory.setPermissions(slot, mode: mode, owner: user, group: group)
    }
    file = try directory.status(of: slot) ?? file
  }

  /// A second name beside the path, for a server that binds that and renames it: rename() of one link of a file to another
  /// does nothing.
  public func linkBeside(suffix: String) throws(Errno) { try directory.linkBeside(slot, suffix: suffix) }

  public func removeBeside(suffix: String) {
    guard let present = try? directory.status(of: slot) else { return }
    directory.removeBeside(suffix: suffix, if: present.identity)
  }

  /// The current socket's file, for reference only.
  public func openCurrentFile() throws(Errno) -> OwnedFD { try directory.open(slot) }

  public func currentStatus() throws(Errno) -> (mode: UInt32, user: UInt32, group: UInt32)? {
    try directory.status(of: slot).map { ($0.permissions, $0.owner, $0.group) }
  }

  /// The end: the path is removed if it is ours, and all that we have put beside it.
  public func remove() {
    directory.unpublish(SocketDirectory.Slot.allCases.compactMap { (try? directory.status(of: $0))?.identity })
    directory.destroy()
  }
}
