import Linux

/// Takes our children that have ended, and tells whoever knows one of them. wait(2) gives any child to whoever asks, so that only
/// one may ask for all.
final class ChildReaper {
  private var handlers: [Int32: (_ status: Int32) -> Void] = [:]
  private var orphanHandlers: [Int: () -> Void] = [:]
  private var lastNumber = 0
  /// In one turn of the loop: whoever makes processes faster than that has no claim on all of our time.
  static let childrenPerTurn = 256

  /// Calls `handler` with the status that wait(2) gives, once, if `pid` is a child of ours when it ends.
  func watch(_ pid: Int32, _ handler: @escaping (_ status: Int32) -> Void) { handlers[pid] = handler }

  func forget(_ pid: Int32) { handlers[pid] = nil }

  /// Calls `handler` when children have ended that nobody knows: of some service, which has left them to us. For services that
  /// nothing else tells that their last process is gone. Until the result is let go of.
  func watchOrphans(_ handler: @escaping () -> Void) -> OrphanWatch {
    lastNumber += 1
    orphanHandlers[lastNumber] = handler
    return OrphanWatch(self, lastNumber)
  }

  final class OrphanWatch {
    private weak var reaper: ChildReaper?
    private let number: Int

    fileprivate init(_ reaper: ChildReaper, _ number: Int) {
      self.reaper = reaper
      self.number = number
    }

    deinit { reaper?.orphanHandlers[number] = nil }
  }

  /// Takes children that have ended. Returns whether there may be more of them.
  func reap() -> Bool {
    var hasOrphans = false
    var count = 0
    while count < Self.childrenPerTurn, let ended = Children.reap() {
      count += 1
      if let handler = handlers.removeValue(forKey: ended.pid) { handler(ended.status) } else { hasOrphans = true }
    }
    if hasOrphans { for handler in orphanHandlers.values { handler() } }
    return count == Self.childrenPerTurn
  }
}
