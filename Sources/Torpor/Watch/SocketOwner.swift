import Linux

/// A process that has a socket open.
struct SocketOwner: Equatable, CustomStringConvertible {
  let pid: Int32
  let name: String
  var description: String { "\(name)[\(pid)]" }

  /// Looks through /proc, the youngest processes first, for no longer than `limit`.
  static func find(inode: UInt32, within limit: Duration) -> SocketOwner? {
    guard inode != 0 else { return nil }
    let end = MonotonicClock.now() + UInt64(TimeSpan.seconds(limit) * 1e9)
    let wanted = "socket:[\(inode)]"
    for pid in ProcessFiles.names(in: "/proc").compactMap({ Int32($0) }).sorted(by: >) {
      for number in ProcessFiles.descriptors(of: pid) where ProcessFiles.file(of: pid, number: number) == wanted {
        return ProcessFiles.name(of: pid).map { SocketOwner(pid: pid, name: $0) }
      }
      if MonotonicClock.now() > end { return nil }
    }
    return nil
  }

  /// The process on the other side of a connection, where it is on this machine.
  static func ofClient(_ connection: TCPConnection, within limit: Duration) -> SocketOwner? {
    guard var diag = try? SockDiag(),
      let mirrored = try? diag.connections(connection.remote.family, localPort: connection.remote.port),
      let client = mirrored.first(where: { $0.local == connection.remote && $0.remote == connection.local })
    else { return nil }
    return find(inode: client.inode, within: limit)
  }
}
