import Lifecycle
import Linux

/// A held FIFO. The service opens it by its path, or gets it by LISTEN_FDS, as systemd's ListenFIFO= passes it: for reading and
/// writing, so that it never ends. What isn't read waits in it for the next instance, as we have it open, too.
final class HeldFIFO: SignalledSocket {
  var index: Int
  var nameIndex: Int
  let watcher: ListenerWatch
  private(set) var fifo: FIFO
  private var permissions: UnixGenerations.Permissions
  private var directoryMode: UInt32
  private var pipeSize: Int32?
  /// Further names of it.
  var links: PathLinks?
  var arrivals = Arrivals()
  /// Since when it has held the same unread bytes.
  var unread: (bytes: Int, since: Instant)?

  init(
    _ path: String, index: Int, nameIndex: Int, access: SocketAccess, pipeSize: Int32?, loop: EventLoop
  ) throws(FIFO.Refusal) {
    self.index = index
    self.nameIndex = nameIndex
    permissions = access.permissions
    watcher = ListenerWatch(loop: loop)
    directoryMode = access.directoryMode
    self.pipeSize = pipeSize
    fifo = try FIFO(path, permissions: permissions, directoryMode: directoryMode, pipeSize: pipeSize)
  }

  var path: String { fifo.path }
  var name: String { "fifo:\(path)" }
  var kind: SocketKind { .fixed }
  var number: Int32 { fifo.descriptor.number }
  var isHandedOver: Bool { true }
  var hasMessages: Bool { true }

  func withCurrent(_ body: (borrowing OwnedFD) throws(Errno) -> Void) throws(Errno) { try body(fifo.descriptor) }

  func openNext() throws(Errno) {}
  func steerToNext() throws(Errno) {}
  func steerToCurrent() throws(Errno) {}
  func relayStrays() throws(Errno) -> Int { 0 }
  func relayWaiting() throws(Errno) {}
  func stopRelaying() {}
  func closeNext() throws(Errno) -> Int { 0 }
  func listenAgain() throws(Errno) {}

  /// No process is left. What somebody has put in its place is the one that writers find from here on.
  func swap(migrates: Bool) throws(Errno) -> Int {
    unwatch()
    ArrivalSignal.disarm(fifo.descriptor)
    unread = nil
    // As long as something is in the one before, it has a reader to come.
    guard !fifo.isInPlace, !fifo.descriptor.readiness().contains(.readable) else { return 0 }
    do throws(FIFO.Refusal) {
      fifo = try FIFO(path, permissions: permissions, directoryMode: directoryMode, pipeSize: pipeSize)
    } catch { throw error.errno }
    return 0
  }

  func change(to address: ListenAddress, _ access: SocketAccess, warn: (String) -> Void) {
    directoryMode = access.directoryMode
    if permissions != access.permissions {
      permissions = access.permissions
      do throws(Errno) { try fifo.setPermissions(permissions) } catch {
        warn("the mode and the owner of \(name) can't be changed: \(error)")
      }
    }
    if pipeSize != address.settings.pipeSize {
      pipeSize = address.settings.pipeSize
      if !fifo.setSize(pipeSize) { warn("PipeSize= can't be set on \(name): it is \(fifo.size) bytes") }
    }
    links = PathLinks.change(links, to: address.symlinks, of: path, access, warn)
  }

  func abandon() {
    unwatch()
    ArrivalSignal.disarm(fifo.descriptor)
    links?.remove()
    fifo.remove()
  }

  func instanceEnded() {}

  func release() {
    unwatch()
    links?.remove()
    fifo.remove()
  }
}
