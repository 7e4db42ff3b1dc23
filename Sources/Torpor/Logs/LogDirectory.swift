import Linux

/// Where the services' log files are: one descriptor for all of them.
public final class LogDirectory {
  public let path: String
  private var directory: PrivateDirectory?
  private var isRefused = false
  /// What has been told of each file, so that it is told once until it goes well again.
  private var troubled: Set<String> = []
  var onWarning: ((String) -> Void)?

  /// Opens or makes the directory when a file is wanted for the first time. Nothing here ever keeps a service from starting.
  public init(_ path: String) { self.path = path }

  /// Calls `body` with the directory; nil where there is none to be had, or what is asked of it can't be done, which is told.
  func use<Result: ~Copyable>(
    for file: String, _ body: (borrowing PrivateDirectory) throws(Errno) -> Result
  ) -> Result? {
    guard open() else { return nil }
    do throws(Errno) {
      guard let result = try attempt(body) else { return nil }
      troubled.remove(file)
      return result
    } catch {
      if troubled.insert(file).inserted { onWarning?("cannot write '\(path)/\(file)': \(Self.describe(error))") }
      return nil
    }
  }

  private func attempt<Result: ~Copyable>(
    _ body: (borrowing PrivateDirectory) throws(Errno) -> Result
  ) throws(Errno) -> Result? {
    switch directory {
    case .some(let directory): return try body(directory)
    case .none: return nil
    }
  }

  private func open() -> Bool {
    let isThere =
      switch directory {
      case .some(let directory): !directory.isGone
      case .none: false
      }
    if isThere { return true }
    directory = nil
    do throws(PrivateDirectory.Refusal) {
      let opened = try PrivateDirectory(path)
      directory = consume opened
      isRefused = false
      return true
    } catch {
      if !isRefused { onWarning?("no logs are written to '\(path)': \(error)") }
      isRefused = true
      return false
    }
  }

  static func describe(_ errno: Errno) -> String {
    errno == .exists ? "something else than an ordinary file is there; remove it" : "\(errno)"
  }
}
