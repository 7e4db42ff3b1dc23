import Glibc
import Linux

/// A cgroup whose changes come by the loop: that its last process has ended, and that all are frozen. It goes with this object.
final class WatchedCgroup {
  private let loop: EventLoop
  private let cgroup: Cgroup
  private var token: EventLoop.Token?
  private var onFrozen: (() -> Void)?
  /// A process born by clone3 into a cgroup that was once killed is killed as well (seen on Linux 6.18, where a count of
  /// kills is compared with that of the parent's cgroup). So each cgroup is killed once and then replaced.
  private(set) var isKilled = false
  /// Something may have ended, or all of it is frozen.
  var onChange: (() -> Void)?

  /// `watch()` makes it tell.
  init(named name: String, in parent: String, loop: EventLoop) throws(Errno) {
    cgroup = try Cgroup(named: name, in: parent)
    self.loop = loop
  }

  deinit { if let token { loop.remove(token, cgroup.events) } }

  var isWatched: Bool { token != nil }

  /// Tells of what changes from now on.
  func watch() {
    cgroup.acknowledge()
    token = try? loop.add(cgroup.events, for: .priority) { [weak self] _ in self?.changed() }
  }

  private func changed() {
    cgroup.acknowledge()
    if onFrozen != nil, cgroup.isFrozen { hasFrozen() }
    onChange?()
  }

  /// For clone3; valid as long as this object.
  var directory: Int32 { cgroup.directory.number }
  /// As the kernel's sockets know it and those below it.
  var ids: [UInt64] { cgroup.ids }
  var isPopulated: Bool { cgroup.isPopulated }
  var processes: [Int32] { cgroup.processes }
  /// Of all that were ever in it, in nanoseconds.
  var processorTime: UInt64? { cgroup.processorTime }

  /// SIGKILL to all. Returns whether that was possible.
  func kill() -> Bool {
    guard cgroup.kill() else { return false }
    isKilled = true
    return true
  }

  // MARK: freezing

  var canFreeze: Bool { cgroup.canFreeze }

  /// Stops all of them where they are. `isDone` is called when they are, and not at all after a thaw.
  func freeze(_ isDone: @escaping () -> Void) throws(Errno) {
    try cgroup.setFrozen(true)
    onFrozen = isDone
    if cgroup.isFrozen { hasFrozen() }
  }

  private func hasFrozen() {
    let tell = onFrozen
    onFrozen = nil
    tell?()
  }

  func thaw() throws(Errno) {
    onFrozen = nil
    try cgroup.setFrozen(false)
  }
}
