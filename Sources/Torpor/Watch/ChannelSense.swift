import Glibc
import Lifecycle
import Linux

/// Sees what a service is used by besides its held sockets: clients of listeners that it has opened by itself, and connections
/// that it has made, as far as they carry data.
///
/// TCP sockets are known by the cgroup of their maker (an accepted one has its listener's), or by the descriptors of its
/// processes where they have no cgroup of their own. Unix sockets have no such mark: its listeners are found by its descriptors,
/// once each, and their connections by the listener's name. What goes on between two processes of the service is its own affair.
final class ChannelSense: Sense {
  private let processes: any ProcessSource
  private let options: WatchOptions
  private let heldAddresses: () -> [SocketAddress]
  private let heldUnixInodes: () -> Set<UInt32>
  private var lastLook: Instant?
  /// Those that the tables have been asked for; nil: it has none of its own.
  private var cgroups: [UInt64]?
  /// A client of its own listeners was connected at the last look. If none is at the next, it has gone at some moment between.
  private var hadClient = false
  /// Unix listeners that have been looked at, and whether they are its own.
  private var unixListeners: [UInt32: Bool] = [:]

  /// Of a service that has more open, the first are looked through, and it counts as busy.
  static let descriptorsMax = 1 << 15
  private static let unseen =
    "the descriptors of its processes can't be read (/proc/PID/fd; of another user's that takes CAP_SYS_PTRACE), so that its "
    + "own sockets aren't known"

  private static let tooMany =
    "its processes have more than \(descriptorsMax) descriptors open, so that not all of its own sockets are known (Senses= without "
    + "channels does without)"

  private static let tooManyCgroups =
    "its processes have made more than \(Cgroup.belowMax) cgroups, so that not all of its own sockets are known (Senses= without "
    + "channels does without)"

  init(_ subject: SenseSubject) {
    processes = subject.processes
    options = subject.options
    heldAddresses = subject.heldAddresses
    heldUnixInodes = subject.heldUnixInodes
  }

  func begin(at now: Instant) {
    lastLook = now
    hadClient = false
    unixListeners = [:]
  }

  func prepare(_ question: inout SocketTables.Question) {
    cgroups = processes.cgroupIDs
    OwnConnections.ask(&question, of: processes)
    question.includesTraffic = true
    question.includesUnix = true
    question.includesUnixListeners = true
  }

  func look(_ table: SocketTable, at now: Instant) -> Verdict {
    defer { lastLook = now }
    let (verdict, hasClient) = judge(table, at: now)
    defer { hadClient = hasClient }
    if hadClient, !hasClient, !verdict.isBusy { return .busy(["a client of a listener of its own has gone"]) }
    return verdict
  }

  func explain(_ table: SocketTable, at now: Instant) -> Verdict { judge(table, at: now).verdict }

  private func judge(_ table: SocketTable, at now: Instant) -> (verdict: Verdict, hasClient: Bool) {
    var finder = DescriptorFinder(processes: processes)
    let found = tcp(table, &finder, since: lastLook ?? now, at: now)
    let unix = unix(table, &finder)
    let busy = found.busy + unix
    let hasClient = found.hasClient || !unix.isEmpty
    if busy.isEmpty, cgroups?.count ?? 0 > Cgroup.belowMax { return (.blind(Self.tooManyCgroups), hasClient) }
    if busy.isEmpty, finder.isBlind { return (.blind(finder.isCut ? Self.tooMany : Self.unseen), hasClient) }
    return (busy.isEmpty ? .quiet(found.quiet) : .busy(busy), hasClient)
  }

  // MARK: TCP

  private func tcp(
    _ table: SocketTable, _ finder: inout DescriptorFinder, since: Instant, at now: Instant
  ) -> (busy: [String], quiet: [String], hasClient: Bool) {
    let held = heldAddresses()
    // Not by the port alone: it may listen at another address there by itself.
    func isHeld(_ socket: TCPConnection) -> Bool { held.contains { $0.covers(socket.local) } }
    let own = table.sockets(of: cgroups, &finder)
    let listening = Set(own.filter { $0.state == .listen && !isHeld($0) }.map(\.local.port))
    let ends = Set(own.map(\.local))
    var busy: [String] = []
    var quiet: [String] = []
    var hasClient = false
    for connection in own {
      switch connection.state {
      case .established, .closeWait: break
      case .synSent, .synReceived, .newSynReceived, .finWait1, .finWait2, .timeWait, .close, .lastAck, .listen,
        .closing:
        continue
      }
      // Both ends are its own.
      if ends.contains(connection.remote) || isHeld(connection) { continue }
      let isInbound = listening.contains(connection.local.port)
      if isInbound, options.ignores(connection.remote) { continue }
      let line =
        isInbound
        ? "\(connection.remote) is connected to its own \(connection.local)" : "it is connected to \(connection.remote)"
      let text = line + connection.lastData
      let isClient = isInbound && options.connections == .open
      hasClient = hasClient || isClient
      let isUse = isClient || connection.carriedData(since: since, at: now, isInbound: isInbound)
      if isUse { busy.append(text) } else { quiet.append(text) }
    }
    return (busy, quiet, hasClient)
  }

  // MARK: unix

  private func unix(_ table: SocketTable, _ finder: inout DescriptorFinder) -> [String] {
    let held = heldUnixInodes()
    let present = Set(table.unixListeners.map(\.inode))
    unixListeners = unixListeners.filter { present.contains($0.key) }
    var lines: [String] = []
    for listener in table.unixListeners where !held.contains(listener.inode) {
      guard let address = listener.address else { continue }
      let isOwn = unixListeners[listener.inode] ?? finder.inodes.contains(UInt64(listener.inode))
      if !finder.isBlind { unixListeners[listener.inode] = isOwn }
      guard isOwn else { continue }
      let accepted =
        if let file = listener.file { table.unixByFile[file] ?? [] } else {
          table.unixConnections.filter { $0.address == address }
        }
      let clients = accepted.filter { entry in entry.peer.map { !finder.inodes.contains(UInt64($0)) } ?? true }
      let waiting = Int(listener.queueLength ?? 0)
      if clients.count + waiting > 0 {
        lines.append("\(clients.count + waiting) connected to its own \(address)")
      }
    }
    return lines
  }
}

/// The sockets that the processes of a service have open, looked for when they are asked for first.
struct DescriptorFinder {
  private let processes: any ProcessSource
  private let limit: Int

  init(processes: any ProcessSource, limit: Int = ChannelSense.descriptorsMax) {
    self.processes = processes
    self.limit = limit
  }

  /// They were looked for and can't be seen, or not all of them, so that none may be taken for no other's.
  private(set) var isBlind = false
  /// There are more than are looked through.
  private(set) var isCut = false
  private var found: Set<UInt64>?

  var inodes: Set<UInt64> {
    mutating get {
      if let found { return found }
      isBlind = processes.mainPID.map(Self.isHidden) ?? false
      var inodes: Set<UInt64> = []
      var left = limit
      for pid in processes.pids where !isCut {
        for number in ProcessFiles.descriptors(of: pid, limit: left + 1) {
          left -= 1
          guard left >= 0 else {
            (isCut, isBlind) = (true, true)
            break
          }
          if let inode = ProcessFiles.socketInode(of: pid, number: number) { inodes.insert(inode) }
        }
      }
      found = inodes
      return inodes
    }
  }

  /// Of a process that is alive, none can be read. One that has ended has none, and isn't reaped yet.
  private static func isHidden(_ pid: Int32) -> Bool {
    let numbers = ProcessFiles.descriptors(of: pid, limit: 8)
    guard numbers.allSatisfy({ ProcessFiles.file(of: pid, number: $0) == nil }) else { return false }
    return kill(pid, 0) == 0 && ProcessFiles.state(of: pid) != "Z"
  }
}

extension TCPConnection {
  /// Data has gone by it since then, or is on its way.
  func carriedData(since: Instant, at now: Instant, isInbound: Bool) -> Bool {
    if unsentBytes > 0 { return true }
    // The last words of a server that has ended a connection of a pool (a TLS alert, an SQL error) stay unread until somebody wants to
    // use it again.
    if unreadBytes > 0, isInbound || state != .closeWait { return true }
    // Where the kernel doesn't tell, it may have.
    guard let ago = dataAgo else { return true }
    return ago <= now.since(since)
  }

  /// How long ago data last went in or out.
  var dataAgo: Duration? { traffic.map { .milliseconds(Int64(min($0.receivedAgo, $0.sentAgo))) } }

  /// ", last data 3 s ago".
  var lastData: String {
    if unreadBytes > 0 { return ", \(unreadBytes) bytes unread" }
    if unsentBytes > 0 { return ", \(unsentBytes) bytes on their way" }
    return dataAgo.map { ", last data \(TimeSpan.describe($0)) ago" } ?? ""
  }
}

extension WatchOptions {
  /// Whether this client's connections don't count.
  func ignores(_ client: SocketAddress) -> Bool { ignoredSources.contains { $0.contains(client) } }
}
