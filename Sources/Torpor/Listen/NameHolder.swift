import Linux

/// Who has an abstract name that we can't have.
enum NameHolder {
  /// "redis-server[4711]", where it can be told: of what listens.
  static func describe(_ name: UnixAddress) -> String? {
    guard var diag = try? UnixDiag(), let listeners = try? diag.listeners(),
      let listener = listeners.first(where: { $0.address == name })
    else { return nil }
    return SocketOwner.find(inode: listener.inode, within: .seconds(2))?.description
  }
}
