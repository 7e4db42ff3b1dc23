import Glibc
import Linux
import Lifecycle

/// The processes of one instance: who is the main one, are any left, and how they are told to end.
///
/// All of them are in a cgroup where we have one; all have our seccomp filter where bind() is trapped; and all that lose their
/// parent become our children. Each of these tells by itself when the last is gone; an instance is gone when all do.
final class ServiceProcesses: CgroupSource, ProcessSource {
  private let loop: EventLoop
  /// Kept from instance to instance.
  private var cgroup: WatchedCgroup?
  private var hasTriedCgroup = false

  private var main: ProcessHandle?
  private var mainToken: EventLoop.Token?
  /// The main process of this instance or, when it has ended, of the last: its words may be read after its end.
  private var lastMainPID: Int32?
  private var adoption: Adoption?
  private var listenerHungUp = true
  private var isWatching = false
  /// Where no cgroup tells that the last process is gone.
  private var orphans: ChildReaper.OrphanWatch?
  /// Commands that are run for the service, beside its main process.
  private var controls: [Int32: Control] = [:]
  private var onEmpty: (() -> Void)?
  /// Who the main process is by the service's own word, such as its PID file.
  var designated: (() -> Int32?)?
  /// Without a cgroup: what tells this instance's processes from others of ours.
  private var mark: String?
  private var sessions: Set<Int32> = []
  /// Of those that were let go of, who still make calls that come to us.
  private var formerAdoptions: [Adoption] = []
  /// Says which children of ours are none of the service's.
  var helpers: (() -> Set<Int32>)?

  var onMainExit: ((ExitStatus, _ hasSuccessor: Bool) -> Void)?
  var onAllGone: (() -> Void)?

  private final class Control {
    let handle: ProcessHandle
    let token: EventLoop.Token?
    let onEnd: (ExitStatus) -> Void

    init(_ handle: consuming ProcessHandle, _ token: EventLoop.Token?, _ onEnd: @escaping (ExitStatus) -> Void) {
      self.handle = handle
      self.token = token
      self.onEnd = onEnd
    }
  }

  init(loop: EventLoop) { self.loop = loop }

  var mainPID: Int32? {
    switch main {
    case .some(let main): main.pid
    case .none: nil
    }
  }

  /// The cgroup's directory for clone3; nil where there is none that we may write.
  func cgroupDirectory(named name: String) -> Int32? {
    if cgroup?.isKilled ?? false {
      cgroup = nil
      hasTriedCgroup = false
    }
    if !hasTriedCgroup {
      hasTriedCgroup = true
      if let parent = Cgroup.own() { makeCgroup(named: name, in: parent) }
    }
    return cgroup?.directory
  }

  private func makeCgroup(named name: String, in parent: String) {
    // Those that were let go of keep theirs, and its name.
    for suffix in [""] + (1...15).map({ "-\($0)" }) {
      do throws(Errno) {
        let made = try WatchedCgroup(named: name + suffix, in: parent, loop: loop)
        made.watch()
        // An empty cgroup is told before SIGCHLD: without this, "all gone" would be said of some that still are to be reaped.
        made.onChange = { [weak self] in self?.reap() }
        cgroup = made
        return
      } catch {
        guard error != .exists else { continue }
        // What is short now may be there at the next start.
        hasTriedCgroup = !error.isShortage
        return
      }
    }
  }

  /// Where clone3 can't use it (a threaded or dying cgroup), we go on without.
  func dropCgroup() { cgroup = nil }

  /// Whether they can be frozen, all of them and whatever they start.
  func canFreeze(in name: String) -> Bool { cgroupDirectory(named: name) != nil && isFreezable }

  /// Whether those that there are can be.
  var isFreezable: Bool { cgroup?.canFreeze ?? false }

  /// Stops all of them where they are. `isDone` is called when they are, and not at all after a thaw.
  func freeze(_ isDone: @escaping () -> Void) throws(Errno) {
    guard let cgroup else { throw .notSupported }
    try cgroup.freeze(isDone)
  }

  func thaw() throws(Errno) { try cgroup?.thaw() }

  // MARK: an instance

  func begin(main handle: consuming ProcessHandle, adoption: Adoption?) {
    lastMainPID = handle.pid
    sessions.insert(handle.pid)
    main = consume handle
    self.adoption = adoption
    listenerHungUp = !(adoption?.tellsEnd ?? false)
    isWatching = true
    adoption?.processes = { [weak self] in self?.pids ?? [] }
    adoption?.onHangUp = { [weak self] in
      self?.listenerHungUp = true
      self?.reap()
    }
    watchMain()
    watchOrphans()
  }

  /// While the end of the last process is waited for.
  private func watchOrphans() {
    let isNeeded = (isWatching || onEmpty != nil) && !(cgroup?.isWatched ?? false)
    if !isNeeded {
      orphans = nil
    } else if orphans == nil {
      orphans = loop.children.watchOrphans { [weak self] in self?.checkAllGone() }
    }
  }

  private func watchMain() {
    switch main {
    case .some(let main):
      mainToken = try? loop.add(main.descriptor, for: .readable) { [weak self] _ in self?.mainEnded() }
      loop.children.watch(main.pid) { [weak self] in
        self?.mainExited(Self.exitStatus($0))
        self?.checkAllGone()
      }
    case .none: break
    }
  }

  private func forgetMain() {
    switch main {
    case .some(let main):
      if let mainToken { loop.remove(mainToken, main.descriptor) }
      loop.children.forget(main.pid)
    case .none: break
    }
    mainToken = nil
    main = nil
  }

  /// Something that comes with a SIGCHLD.
  func reap() {
    loop.reapChildren()
    checkAllGone()
  }

  // MARK: commands beside it

  /// `onEnd` is called when the process, a child of ours, has ended.
  func addControl(_ handle: consuming ProcessHandle, onEnd: @escaping (ExitStatus) -> Void) {
    let token = try? loop.add(handle.descriptor, for: .readable) { [weak self] _ in self?.reap() }
    loop.children.watch(handle.pid) { [weak self, pid = handle.pid] in self?.controlEnded(pid, Self.exitStatus($0)) }
    sessions.insert(handle.pid)
    controls[handle.pid] = Control(handle, token, onEnd)
  }

  private func controlEnded(_ pid: Int32, _ status: ExitStatus) {
    guard let control = controls.removeValue(forKey: pid) else { return }
    if let token = control.token { loop.remove(token, control.handle.descriptor) }
    control.onEnd(status)
    checkAllGone()
  }

  func signalControl(_ pid: Int32, _ signal: Int32) { try? controls[pid]?.handle.send(signal: signal) }

  var hasControls: Bool { !controls.isEmpty }

  /// Calls back when no process is left of an instance without a main one; those that there are are killed.
  func clear(_ then: @escaping () -> Void) {
    guard hasProcesses else { return then() }
    onEmpty = then
    watchOrphans()
    killAll()
  }

  private var hasProcesses: Bool {
    if !controls.isEmpty { return true }
    return cgroup?.isPopulated ?? !pids.isEmpty
  }

  /// The main process's descriptor is readable. If it is our child, reaping tells how it ended.
  private func mainEnded() {
    reap()
    if mainPID != nil { mainExited(.unknown) }
  }

  private func mainExited(_ status: ExitStatus) {
    forgetMain()
    onMainExit?(status, successor != nil)
  }

  static func exitStatus(_ status: Int32) -> ExitStatus {
    let signal = status & 0x7f
    return signal == 0
      ? .exited(code: (status >> 8) & 0xff) : .signalled(signal, dumpedCore: status & 0x80 != 0)
  }

  /// Who goes on when the main process has left others behind: whoever bound our socket, else the oldest.
  private var successor: Int32? {
    let alive = pids.filter { controls[$0] == nil }
    if let pid = designated?(), alive.contains(pid) { return pid }
    return adoption?.binders.first { alive.contains($0) } ?? alive.min()
  }

  /// Takes the successor for the main process. Returns its pid.
  func followSuccessor() -> Int32? {
    guard let pid = successor, let handle = try? ProcessHandle(pid: pid) else { return nil }
    lastMainPID = pid
    main = consume handle
    watchMain()
    return pid
  }

  /// Takes a process of the service for the main one, while it has another. Returns whether it is one.
  func follow(_ pid: Int32) -> Bool {
    if pid == mainPID { return true }
    guard controls[pid] == nil, mainPID != nil, let handle = try? ProcessHandle(pid: pid), pids.contains(pid) else {
      return false
    }
    forgetMain()
    lastMainPID = pid
    main = consume handle
    watchMain()
    return true
  }

  /// `mark`: a variable that all processes of the new instance are born with, where ours are not the only one's.
  func newInstance(mark: String?) {
    self.mark = mark
    sessions = []
  }

  /// A process that we have started begins a session, which those below it are in unless they begin one themselves. Then what it
  /// was born with tells, unless it has written over that, as some do to change their title.
  private func isMarked(_ pid: Int32) -> Bool {
    guard let mark else { return true }
    if let session = ProcessFiles.session(of: pid), sessions.contains(session) { return true }
    return ProcessFiles.contents(of: "/proc/\(pid)/environ")?.split(separator: "\0").contains { $0 == mark } ?? false
  }

  /// Every process of the service that is alive.
  var pids: [Int32] {
    if let cgroup { return cgroup.processes }
    let helpers = helpers?() ?? []
    return ProcessFiles.descendants(of: getpid()).filter { !helpers.contains($0) && isMarked($0) }
  }

  /// Or was it, as its last words may be read after its end.
  func isMain(_ pid: Int32) -> Bool { pid > 0 && pid == lastMainPID }

  func isControl(_ pid: Int32) -> Bool { controls[pid] != nil }

  func contains(_ pid: Int32) -> Bool { pid > 0 && (pid == lastMainPID || pids.contains(pid)) }

  private func checkAllGone() {
    if let then = onEmpty, !hasProcesses {
      onEmpty = nil
      watchOrphans()
      then()
    }
    guard isWatching, mainPID == nil, listenerHungUp, controls.isEmpty else { return }
    if let cgroup {
      if cgroup.isPopulated { return }
    } else if !(adoption?.tellsEnd ?? false), !pids.isEmpty {
      return
    }
    isWatching = false
    watchOrphans()
    adoption?.close()
    adoption = nil
    onAllGone?()
  }

  /// What it has bound besides the held addresses.
  var boundElsewhere: [String] { adoption?.strangers ?? [] }

  /// READY=1 has come.
  func becameReady() { adoption?.becameReady() }

  // MARK: ending them

  func signalMain(_ signals: [Int32]) {
    switch main {
    case .some(let main): for signal in signals { try? main.send(signal: signal) }
    case .none: break
    }
  }

  func signalAll(_ signals: [Int32]) {
    for signal in signals { ProcessHandle.signal(signal) { pids } }
    checkAllGone()
  }

  func killAll() {
    if cgroup?.kill() ?? false { return }
    signalAll([SIGKILL])
  }

  /// The main process has ended, and what it has left behind is nobody's.
  func letGo() {
    isWatching = false
    if let adoption, !adoption.tellsEnd {
      // It would never be known to be of no use. Those that are left are none of the service's, and aren't heard.
      adoption.close()
    } else if let adoption {
      formerAdoptions.append(adoption)
      adoption.onHangUp = { [weak self, weak adoption] in
        adoption?.close()
        self?.formerAdoptions.removeAll { $0 === adoption }
      }
    }
    adoption = nil
    orphans = nil
    dropCgroup()
    hasTriedCgroup = false
  }

  /// Memory that goes when they do; of thousands of processes, of the first few hundred.
  var memoryBytes: UInt64 { pids.prefix(256).reduce(0) { $0 + ProcessFiles.memory(of: $1) } }

  // MARK: for the senses

  /// Of all that were ever in their cgroup, in nanoseconds; nil where they have none.
  var cgroupProcessorTime: UInt64? { cgroup?.processorTime }

  var cgroupIDs: [UInt64]? { cgroup?.ids }
}
