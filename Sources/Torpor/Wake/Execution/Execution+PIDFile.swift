import Linux

/// PIDFile=: which process a service that goes to the background says is its main one.
extension Execution {
  /// nil: there is none yet, or it names none of the service's. Whoever can write the file can name any process, so only the
  /// service's own count.
  var pidFromFile: Int32? {
    guard let path = settings.pidFile, let bytes = try? RegularFile.contents(of: path, limit: 64),
      let text = String(validating: bytes, as: UTF8.self),
      let pid = Int32(text.trimmed), pid > 1, processes.pids.contains(pid)
    else { return nil }
    return pid
  }

  /// Looks again, when it matters: a daemon may write the file after its first process has ended.
  func consultPIDFile() {
    guard settings.pidFile != nil, let pid = pidFromFile, pid != processes.mainPID else { return }
    _ = processes.follow(pid)
  }
}

extension String {
  fileprivate var trimmed: Substring {
    var text = self[...]
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return text.drop { $0.isWhitespace }
  }
}
