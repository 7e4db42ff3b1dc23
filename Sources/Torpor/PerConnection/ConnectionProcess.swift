import Glibc
import Linux

/// The processes of one connection: the one that was started for it, and what that leaves behind.
///
/// They are in a cgroup of their own, where one can be made; else those in the session that the first began are its.
final class ConnectionProcess: CgroupSource {
  let id: Int
  let client: SocketAddress?
  let beganAt = MonotonicClock.now()
  private let loop: EventLoop
  private let parentCgroup: String?
  private var cgroup: WatchedCgroup?
  /// Where no cgroup tells that the others are gone.
  private var orphans: ChildReaper.OrphanWatch?
  private var main: ProcessHandle?
  /// Also after its end: its session has that number.
  private(set) var pid: Int32 = 0
  /// Something may have ended.
  var onChange: (() -> Void)?

  init(id: Int, client: SocketAddress?, parentCgroup: String?, loop: EventLoop) {
    self.id = id
    self.client = client
    self.parentCgroup = parentCgroup
    self.loop = loop
  }

  func cgroupDirectory(named _: String) -> Int32? {
    if let parentCgroup { cgroup = try? WatchedCgroup(named: "\(id)", in: parentCgroup, loop: loop) }
    return cgroup?.directory
  }

  func dropCgroup() { cgroup = nil }

  func begin(_ handle: consuming ProcessHandle) {
    pid = handle.pid
    main = consume handle
  }

  /// It has been reaped. Returns whether it has left others.
  func mainEnded() -> Bool {
    main = nil
    if hasProcesses { watchOthers() }
    // Asked again: of an end before it was watched nothing tells.
    return hasProcesses
  }

  private func watchOthers() {
    cgroup?.onChange = { [weak self] in self?.onChange?() }
    cgroup?.watch()
    guard !(cgroup?.isWatched ?? false) else { return }
    orphans = loop.children.watchOrphans { [weak self] in self?.onChange?() }
  }

  var hasProcesses: Bool { cgroup?.isPopulated ?? !members.isEmpty }

  private var members: [Int32] {
    cgroup?.processes
      ?? ProcessFiles.descendants(of: getpid()).filter { ProcessFiles.session(of: $0) == pid }
  }

  /// - Parameter signals: sent in this order, to the first of them.
  func terminateMain(_ signals: [Int32]) {
    switch main {
    case .some(let main): for signal in signals { try? main.send(signal: signal) }
    case .none: break
    }
  }

  func terminateAll(_ signals: [Int32]) { for signal in signals { signalAll(signal) } }

  func killAll() {
    if cgroup?.kill() ?? false { return }
    signalAll(SIGKILL)
  }

  private func signalAll(_ signal: Int32) { ProcessHandle.signal(signal) { members } }
}
