import Linux

/// Cuts log files that have grown too large while their services run. To be asked at each look at a service.
public final class LogTrimmer {
  private let loop: EventLoop
  private var running: [String: Running] = [:]
  private static let atOnceMax = 4

  private final class Running {
    var trim: FileTrim?
    var token: EventLoop.Token?
  }

  public init(loop: EventLoop) { self.loop = loop }

  /// The children: none of a service's.
  var helpers: Set<Int32> {
    Set(
      running.values.compactMap { running in
        switch running.trim {
        case .some(let trim): trim.pid
        case .none: nil
        }
      })
  }

  /// Those that can't be cut now will be at the next look.
  public func look(at log: LogFile) {
    for unit in running.keys where isOver(unit) { ended(unit) }
    guard running.count < Self.atOnceMax, running[log.unit] == nil else { return }
    switch log.excess() {
    case .none: return
    case .some(let excess): start(log.unit, excess)
    }
  }

  private func start(_ unit: String, _ excess: consuming LogFile.Excess) {
    let entry = Running()
    let bytes = excess.bytes
    do throws(Errno) {
      let trim = try FileTrim(excess.takeFile(), first: bytes)
      entry.token = try? loop.add(trim.descriptor, for: .readable) { [weak self] _ in self?.ended(unit) }
      entry.trim = consume trim
      running[unit] = entry
    } catch { return }  // No process can be had now.
  }

  /// Of one that epoll had no room for: the next look finds it.
  private func isOver(_ unit: String) -> Bool {
    guard let entry = running[unit], entry.token == nil else { return false }
    switch entry.trim {
    case .some(let trim): return trim.descriptor.isReadableNow()
    case .none: return true
    }
  }

  private func ended(_ unit: String) {
    guard let entry = running.removeValue(forKey: unit), let trim = entry.trim.take() else { return }
    if let token = entry.token { loop.remove(token, trim.descriptor) }
    _ = trim.finish()
  }
}

extension LogFile.Excess {
  consuming func takeFile() -> OwnedFD { file }
}
