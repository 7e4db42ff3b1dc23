import Linux

/// Connections of a service to itself: nobody else has a use of them.
///
/// Told as its other sockets are: by the cgroup of their maker, or by the descriptors of its processes where they have no cgroup of
/// their own.
struct OwnConnections {
  /// One end, as it names both.
  private struct End: Hashable {
    let local: SocketAddress
    let remote: SocketAddress

    init(_ local: SocketAddress, _ remote: SocketAddress) {
      self.local = local.mapped ?? local
      self.remote = remote.mapped ?? remote
    }
  }

  /// Those that it has made or accepted.
  private let ends: Set<End>

  /// nil: `table` isn't the answer to a question that `ask` has completed.
  init?(_ table: SocketTable, of processes: any ProcessSource) {
    let cgroups = processes.cgroupIDs
    guard cgroups.map({ table.cgroups.isSuperset(of: $0) }) ?? table.includesAll else { return nil }
    var finder = DescriptorFinder(processes: processes)
    let own = table.sockets(of: cgroups, &finder)
    ends = Set(own.compactMap { $0.state == .listen ? nil : End($0.local, $0.remote) })
  }

  static func ask(_ question: inout SocketTables.Question, of processes: any ProcessSource) {
    if let cgroups = processes.cgroupIDs { question.cgroups.formUnion(cgroups) } else { question.includesAll = true }
  }

  /// Whether the client of an accepted connection is the service itself.
  func contains(_ accepted: TCPConnection) -> Bool { ends.contains(End(accepted.remote, accepted.local)) }
}

extension SocketTable {
  /// A service's. `cgroups`: nil where it has none of its own.
  func sockets(of cgroups: [UInt64]?, _ finder: inout DescriptorFinder) -> [TCPConnection] {
    guard let cgroups else {
      let inodes = finder.inodes
      return all.filter { inodes.contains(UInt64($0.inode)) }
    }
    return cgroups.flatMap { byCgroup[$0] ?? [] }
  }
}
