import Glibc

/// A detached POSIX thread. The server has none but those that its behaviours ask for: a server of one thread and one
/// of several are adopted along different paths.
enum Thread {
  private final class Work: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  static func start(_ body: @escaping @Sendable () -> Void) {
    var thread = pthread_t()
    let work = Unmanaged.passRetained(Work(body))
    let status = pthread_create(
      &thread, nil,
      { argument in
        if let argument { Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body() }
        return nil
      }, work.toOpaque())
    guard status == 0 else { die("cannot start a thread: \(String(cString: strerror(status)))", exitCode: 1) }
    pthread_detach(thread)
  }

  /// Does something later; at once and on this thread when there is nothing to wait for.
  static func start(afterMilliseconds milliseconds: Int, _ body: @escaping @Sendable () -> Void) {
    guard milliseconds > 0 else { return body() }
    start {
      sleepMilliseconds(milliseconds)
      body()
    }
  }
}
