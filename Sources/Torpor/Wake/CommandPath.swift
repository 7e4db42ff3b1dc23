import Linux

/// Finds a command as execvp(3) does, before anybody waits for it.
enum CommandPath {
  /// The PATH of a system service, unless its unit says another (systemd.exec(5)).
  static let systemDirectories = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

  /// Throws what exec would say of the best candidate: "Permission denied" beats "No such file".
  static func resolve(_ command: String, path: String?) throws(Errno) -> String {
    if command.contains("/") {
      try ProcessFiles.checkExecutable(command)
      return command
    }
    guard !command.isEmpty else { throw .noEntry }
    var worst = Errno.noEntry
    // POSIX: an empty element is the current directory.
    for directory in (path ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":", omittingEmptySubsequences: false) {
      let candidate = (directory.isEmpty ? "." : String(directory)) + "/" + command
      do throws(Errno) {
        try ProcessFiles.checkExecutable(candidate)
        return candidate
      } catch  where error == .accessDenied { worst = error } catch {}
    }
    throw worst
  }
}
