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
  private var cgroup: Cgroup?
  private var cgroupToken: EventLoop.Token?
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

  deinit { dropCgroup() }

  func cgroupDirectory(named _: String) -> Int32? {
    if let parentCgroup, let made = try? Cgroup(named: "\(id)", in: parentCgroup) { cgroup = consume made }
    switch cgroup {
    case .some(let cgroup): return cgroup.directory.number
    case .none: return nil
    }
  }

  func dropCgroup() {
    if let token = cgroupToken {
      switch cgroup {
      case .some(let cgroup): loop.remove(token, cgroup.events)
      case .none: break
      }
    }
    cgroupToken = nil
    cgroup = nil
  }

  func begin(_ handle: consuming ProcessHandle) {
    pid = handle.pid
    main = consume handle
  }

  /// It has been reaped. Returns whether it has left others.
  func mainEnded() -> Bool {
    main = nil
    if hasProcesses { watchCgroup() }
    // Asked again: of an end before it was watched nothing tells.
    return hasProcesses
  }

  private func watchCgroup() {
    switch cgroup {
    case .some(let cgroup):
      cgroup.acknowledge()
      cgroupToken = try? loop.add(cgroup.events, for: .priority) { [weak self] _ in self?.cgroupChanged() }
    case .none: break
    }
    if cgroupToken == nil { orphans = loop.children.watchOrphans { [weak self] in self?.onChange?() } }
  }

  private func cgroupChanged() {
    switch cgroup {
    case .some(let cgroup): cgroup.acknowledge()
    case .none: break
    }
    onChange?()
  }

  var hasProcesses: Bool {
    switch cgroup {
    case .some(let cgroup): cgroup.isPopulated
    case .none: !members.isEmpty
    }
  }

  private var members: [Int32] {
    switch cgroup {
    case .some(let cgroup): cgroup.processes
    case .none: ProcessFiles.descendants(of: getpid()).filter { ProcessFiles.session(of: $0) == pid }
    }
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
    switch cgroup {
    case .some(let cgroup): if cgroup.kill() { return }
    case .none: break
    }
    signalAll(SIGKILL)
  }

  private func signalAll(_ signal: Int32) { ProcessHandle.signal(signal) { members } }
}
