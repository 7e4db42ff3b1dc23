import Linux

/// Who holds a port that we can't have.
enum PortHolder {
  /// "redis-server[4711]", where it can be told: other users' processes show their files to root only.
  static func describe(_ address: SocketAddress) -> String? {
    guard var diag = try? SockDiag() else { return nil }
    for family in [SocketAddress.Family.v4, .v6] {
      guard let listeners = try? diag.listeners(family, port: address.port) else { continue }
      for listener in listeners where conflicts(listener.local, with: address) {
        if let process = SocketOwner.find(inode: listener.inode, within: .seconds(2)) {
          // Of ours, it is what another unit listens on.
          return process.pid == ProcessFiles.ownProcess ? "another unit" : process.description
        }
      }
    }
    return nil
  }

  private static func conflicts(_ held: SocketAddress, with wanted: SocketAddress) -> Bool {
    held.isAny || wanted.isAny || held == wanted
  }
}
