import Glibc

/// A TCP server for tests that behaves oddly on demand: each flag is something that real servers were seen to do.
@main
struct OddServer {
  static func main() {
    let arguments = CommandLine.arguments.dropFirst()
    if arguments.contains("--help") {
      say(usage, to: STDOUT_FILENO)
      exit(0)
    }
    do throws(Behaviours.UsageError) {
      start(try Behaviours(arguments: arguments))
    } catch {
      die("\(error.reason)\n\(usage)", exitCode: 2)
    }
  }

  /// What comes before the socket.
  private static func start(_ behaviours: Behaviours) -> Never {
    if let line = behaviours.standardOutputLine { say(line, to: STDOUT_FILENO) }
    if let line = behaviours.standardErrorLine { say(line) }
    if let code = behaviours.exitCodeAtOnce { die("cannot open the database", exitCode: code) }
    Termination.install(behaviours)
    if behaviours.becomesDaemon { Processes.becomeDaemon() }
    if let (milliseconds, code) = behaviours.exitAfter {
      Thread.start(afterMilliseconds: milliseconds) { exit(code) }
    }
    if behaviours.hangsInStart { sleepForEver() }
    sleepMilliseconds(behaviours.slowStartMilliseconds)
    if behaviours.bindsFromThread {
      Thread.start { listenAndServe(behaviours) }
      sleepForEver()
    }
    listenAndServe(behaviours)
  }

  private static func listenAndServe(_ behaviours: Behaviours) -> Never {
    let listeners = Listener.open(behaviours)
    for listener in listeners { Termination.note(listener: listener.accepting) }
    if behaviours.forksStubbornChild { Processes.startStubbornChild() }
    if let milliseconds = behaviours.notifyReadyAfterMilliseconds {
      Thread.start(afterMilliseconds: milliseconds) { Notification.sendReady() }
    }
    if let milliseconds = behaviours.shutdownListenerAfterMilliseconds {
      Thread.start(afterMilliseconds: milliseconds) { Termination.shutListenersDown() }
    }
    if behaviours.accepting == .blocking { BlockingServer.serve(listeners, behaviours) }
    var server = PollServer(listeners, behaviours)
    server.serve()
  }
}
