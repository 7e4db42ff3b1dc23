import Linux

/// Finds accepted connections whose clients live in another network namespace, a container's for instance: such a connection
/// belongs to its client's namespace (unix_stream_connect), so that no dump of ours shows it.
///
/// The descriptors of all of the service's processes are looked through for them, of which there may be hundreds of thousands. So
/// it is done by pieces, between which the loop goes on; and what isn't finished in time shows nothing, so that the service counts
/// as busy.
final class ForeignConnections {
  private let loop: EventLoop
  private let limits: Limits
  /// Sockets of the service that are none, by inode: looked at once.
  private var unrelated: Set<UInt64> = []
  private var walk: Walk?

  struct Limits {
    /// In one turn of the loop.
    var slice = Duration.milliseconds(5)
    var whole = Duration.seconds(2)
    /// Of one process, as they are listed in one go.
    var descriptors = 1 << 16
  }

  enum Outcome: Equatable {
    case found(Int)
    /// There is too much to look through.
    case unfinished
    /// Somebody has asked anew.
    case overtaken
  }

  private final class Walk {
    var processes: [Int32]
    let visible: Set<UInt64>
    let names: [UnixAddress]
    let deadline: UInt64
    let isDone: (Outcome) -> Void
    /// Descriptors of `process` that are still to be looked at.
    var process: Int32 = 0
    var descriptors: [Int32] = []
    var found: Set<UInt64> = []
    var seen: Set<UInt64> = []

    init(
      _ processes: [Int32], _ visible: Set<UInt64>, _ names: [UnixAddress], until deadline: UInt64,
      _ isDone: @escaping (Outcome) -> Void
    ) {
      self.processes = processes
      self.visible = visible
      self.names = names
      self.deadline = deadline
      self.isDone = isDone
    }
  }

  init(loop: EventLoop, limits: Limits = Limits()) {
    self.loop = loop
    self.limits = limits
  }

  /// Counts open connections of these processes to sockets of these names that aren't among the known ones. `isDone` is called
  /// before this returns where there is little to look through, else in a later turn of the loop.
  func count(
    of processes: [Int32], known visible: Set<UInt64>, names: [UnixAddress], _ isDone: @escaping (Outcome) -> Void
  ) {
    end(.overtaken)
    walk = Walk(processes, visible, names, until: MonotonicClock.now() + limits.whole.nanoseconds, isDone)
    goOn()
  }

  private func goOn() {
    guard let walk else { return }
    let end = MonotonicClock.now() + limits.slice.nanoseconds
    while true {
      switch next(of: walk) {
      case .descriptor(let number): look(at: number, walk)
      case .tooMany: return self.end(.unfinished)
      case .none:
        unrelated.formIntersection(walk.seen)
        return self.end(.found(walk.found.count))
      }
      let now = MonotonicClock.now()
      if now >= walk.deadline { return self.end(.unfinished) }
      if now >= end {
        return loop.afterThisTurn { [weak self, weak walk] in
          guard let self, let walk, self.walk === walk else { return }
          goOn()
        }
      }
    }
  }

  private enum Next {
    case descriptor(Int32)
    /// One process has more than can be listed.
    case tooMany
    /// All have been looked at.
    case none
  }

  private func next(of walk: Walk) -> Next {
    while true {
      if let number = walk.descriptors.popLast() { return .descriptor(number) }
      guard let process = walk.processes.popLast() else { return .none }
      walk.process = process
      walk.descriptors = ProcessFiles.descriptors(of: process, limit: limits.descriptors)
      if walk.descriptors.count >= limits.descriptors { return .tooMany }
    }
  }

  private func look(at number: Int32, _ walk: Walk) {
    guard let inode = ProcessFiles.socketInode(of: walk.process, number: number), !walk.visible.contains(inode) else {
      return
    }
    walk.seen.insert(inode)
    if unrelated.contains(inode) || walk.found.contains(inode) { return }
    if isConnection(walk.process, number, walk.names) { walk.found.insert(inode) } else { unrelated.insert(inode) }
  }

  private func end(_ outcome: Outcome) {
    guard let ended = walk.take() else { return }
    ended.isDone(outcome)
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
