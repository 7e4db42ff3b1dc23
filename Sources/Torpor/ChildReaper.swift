import Linux

/// Takes our children that have ended, and tells whoever knows one of them. wait(2) gives any child to whoever asks, so that only
/// one may ask for all.
public final class ChildReaper {
  private var handlers: [Int32: (_ status: Int32) -> Void] = [:]

  /// Calls `handler` with the status that wait(2) gives, once, if `pid` is a child of ours when it ends.
  func watch(_ pid: Int32, _ handler: @escaping (_ status: Int32) -> Void) { handlers[pid] = handler }

  func forget(_ pid: Int32) { handlers[pid] = nil }

  /// SIGCHLD, or something that comes with one: takes every child that has ended.
  public func reap() {
    // Bounded by the number of processes there can be; each turn takes one.
    while let ended = Children.reap() { handlers.removeValue(forKey: ended.pid)?(ended.status) }
  }
}
