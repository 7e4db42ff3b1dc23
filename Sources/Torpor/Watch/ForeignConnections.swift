import Linux

/// Finds accepted connections whose clients live in another network namespace, a container's for instance: such a connection
/// belongs to its client's namespace (unix_stream_connect), so that no dump of ours shows it.
struct ForeignConnections {
  /// Sockets of the service that are none, by inode: looked at once.
  private var unrelated: Set<UInt64> = []

  /// Open connections of these processes to sockets of these names that aren't among the known ones.
  mutating func count(of processes: [Int32], known visible: Set<UInt64>, names: [UnixAddress]) -> Int {
    var found: Set<UInt64> = []
    var seen: Set<UInt64> = []
    for process in processes {
      for number in ProcessFiles.descriptors(of: process) {
        guard let inode = ProcessFiles.socketInode(of: process, number: number), !visible.contains(inode) else {
          continue
        }
        seen.insert(inode)
        if unrelated.contains(inode) || found.contains(inode) { continue }
        if isConnection(process, number, names) { found.insert(inode) } else { unrelated.insert(inode) }
      }
    }
    unrelated.formIntersection(seen)
    return found.count
  }

  private func isConnection(_ process: Int32, _ number: Int32, _ names: [UnixAddress]) -> Bool {
    guard let file = try? ProcessHandle.file(ofThread: process, number: number), UnixSocket.kind(of: file) != nil else {
      return false
    }
    let socket = UnixSocket(owning: file)
    guard !socket.isListening, let name = try? socket.localAddress() else { return false }
    return names.contains(name)
  }
}
