import CLinux
import Glibc

extension UnixGenerations {
  /// Why a path can't be held.
  public enum Refusal: Error, Equatable, Sendable {
    /// Something listens there; who, where that can be told.
    case inUse(pid: Int32?)
    /// Another of us holds it.
    case heldByAnother
    /// It is no socket. It isn't removed.
    case noSocket
    /// What lies where our private directory should.
    case inTheWay(String)
    case kernel(Errno)
  }

  static func directory(for path: String, mode: UInt32) throws(Refusal) -> SocketDirectory {
    do throws(Errno) { return try SocketDirectory(for: path, parentMode: mode) } catch {
      switch error {
      case .busy: throw .heldByAnother
      case .exists: throw .inTheWay(privateName(path))
      default: throw .kernel(error)
      }
    }
  }

  static func first(
    _ kind: UnixSocket.Kind, in directory: borrowing SocketDirectory, _ permissions: Permissions,
    _ settings: SocketSettings
  ) throws(Refusal) -> UnixSocket {
    try checkUnused(directory, kind)
    do throws(Errno) {
      let socket = try bound(kind, in: directory, .a, permissions, settings)
      try directory.publish()
      return socket
    } catch { throw .kernel(error) }
  }

  private static func privateName(_ path: String) -> String {
    let parts = path.split(separator: "/").map(String.init)
    return "/" + (parts.dropLast() + [".\(parts.last ?? "").torpor"]).joined(separator: "/")
  }

  private static func checkUnused(_ directory: borrowing SocketDirectory, _ kind: UnixSocket.Kind) throws(Refusal) {
    do throws(Errno) {
      guard let present = try directory.publicStatus() else { return }
      guard present.isSocket else { throw .noEntry }
      guard let address = directory.publicAddress else { return }
      let probe = try UnixSocket(kind)
      do throws(Errno) { try probe.connect(to: address) } catch {
        // Nobody listens: the file is what a dead process has left.
        if error == .refused { return }
        // Its queue is full, or it is a socket of another kind: alive.
        throw .inUse
      }
      throw .inUse
    } catch {
      switch error {
      case .noEntry: throw .noSocket
      case .inUse: throw .inUse(pid: Self.listener(at: directory, kind))
      default: throw .kernel(error)
      }
    }
  }

  private static func listener(at directory: borrowing SocketDirectory, _ kind: UnixSocket.Kind) -> Int32? {
    guard let address = directory.publicAddress, let probe = try? UnixSocket(kind) else { return nil }
    guard (try? probe.connect(to: address)) != nil, let peer = try? probe.peer() else { return nil }
    return peer.pid > 0 ? peer.pid : nil
  }

  /// Bound, listening and with its permissions, and not reachable yet.
  static func bound(
    _ kind: UnixSocket.Kind, in directory: borrowing SocketDirectory, _ slot: SocketDirectory.Slot,
    _ permissions: Permissions, _ settings: SocketSettings
  ) throws(Errno) -> UnixSocket {
    let socket = try UnixSocket(kind)
    try settings.apply(to: socket.descriptor, .unix)
    try directory.bind(socket, slot: slot)
    try directory.setPermissions(
      slot, mode: permissions.mode, owner: permissions.user ?? geteuid(),
      group: permissions.group ?? permissions.user.map { _ in UInt32.max } ?? Self.ownGroup(directory, slot))
    if kind.listens { try socket.listen(backlog: settings.backlog) }
    // As systemd passes its sockets: blocking, unless the service asks for something else.
    try socket.descriptor.setNonBlocking(false)
    return socket
  }

  /// What the file got when it was made: in a set-group-ID directory, the directory's.
  private static func ownGroup(_ directory: borrowing SocketDirectory, _ slot: SocketDirectory.Slot) -> UInt32 {
    (try? directory.status(of: slot))?.group ?? getegid()
  }
}
