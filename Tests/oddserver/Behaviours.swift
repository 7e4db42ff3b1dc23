/// What this run of the server does oddly. Behaviours can be combined, where that makes sense.
struct Behaviours: Sendable {
  enum Addressing { case host, mappedV6, wildcard, wildcardV6 }
  enum Accepting { case plain, blocking, nonblocking }

  var port: UInt16?
  var host = "127.0.0.1"
  var addressing = Addressing.host
  var accepting = Accepting.plain
  var backlog: Int32 = 511

  var standardErrorLine: String?
  var standardOutputLine: String?
  var exitCodeAtOnce: Int32?
  var hangsInStart = false
  var slowStartMilliseconds = 0
  var exitAfter: (milliseconds: Int, code: Int32)?
  var becomesDaemon = false
  var forksStubbornChild = false

  var ignoresTermination = false
  var shutsListenerDownOnTermination = false
  var shutdownListenerAfterMilliseconds: Int?

  var usesEpollBeforeBind = false
  var dupsBeforeBind = false
  var bindsFromThread = false
  var bindsTwice = false
  var closesOnExec = false
  var setsSocketOptions = false
  var usesPassedListeners = false
  var notifyReadyAfterMilliseconds: Int?

  var crashesOnRequest = false
  var printsEnvironment = false
  var isOneShot = false

  /// Why a command line wasn't understood.
  struct UsageError: Error {
    let reason: String
  }

  init(arguments: ArraySlice<String>) throws(UsageError) {
    var rest = arguments
    while let flag = rest.popFirst() { try take(flag, &rest) }
    if ignoresTermination && shutsListenerDownOnTermination {
      throw UsageError(reason: "--ignore-sigterm and --shutdown-listener-on-term exclude each other")
    }
    if accepting == .blocking && usesEpollBeforeBind {
      throw UsageError(reason: "--blocking-accept and --epoll-before-bind exclude each other")
    }
    if port == nil && !usesPassedListeners && exitCodeAtOnce == nil && !hangsInStart {
      throw UsageError(reason: "--port is missing")
    }
  }

  private mutating func take(_ flag: String, _ rest: inout ArraySlice<String>) throws(UsageError) {
    switch flag {
    case "--port": port = try Self.number(after: flag, &rest)
    case "--host": host = try Self.text(after: flag, &rest)
    case "--v6-mapped": try choose(.mappedV6, flag)
    case "--wildcard": try choose(.wildcard, flag)
    case "--wildcard6": try choose(.wildcardV6, flag)
    case "--blocking-accept": try choose(.blocking, flag)
    case "--nonblocking": try choose(.nonblocking, flag)
    case "--backlog": backlog = try Self.number(after: flag, &rest)
    case "--stderr-line": standardErrorLine = try Self.text(after: flag, &rest)
    case "--stdout-line": standardOutputLine = try Self.text(after: flag, &rest)
    case "--exit-at-once": exitCodeAtOnce = try Self.number(after: flag, &rest)
    case "--hang-in-start": hangsInStart = true
    case "--slow-start-ms": slowStartMilliseconds = try Self.milliseconds(after: flag, &rest)
    case "--exit-after-ms":
      exitAfter = (try Self.milliseconds(after: flag, &rest), try Self.number(after: flag, &rest))
    case "--background": becomesDaemon = true
    case "--fork-child": forksStubbornChild = true
    case "--ignore-sigterm": ignoresTermination = true
    case "--shutdown-listener-on-term": shutsListenerDownOnTermination = true
    case "--shutdown-listener-after-ms":
      shutdownListenerAfterMilliseconds = try Self.milliseconds(after: flag, &rest)
    case "--epoll-before-bind": usesEpollBeforeBind = true
    case "--dup-before-bind": dupsBeforeBind = true
    case "--bind-from-thread": bindsFromThread = true
    case "--bind-twice": bindsTwice = true
    case "--cloexec": closesOnExec = true
    case "--keepalive": setsSocketOptions = true
    case "--listen-fds": usesPassedListeners = true
    case "--notify-ready-ms": notifyReadyAfterMilliseconds = try Self.milliseconds(after: flag, &rest)
    case "--crash-on-request": crashesOnRequest = true
    case "--print-env": printsEnvironment = true
    case "--one-shot": isOneShot = true
    default: throw UsageError(reason: "\(flag) is not a flag")
    }
  }

  private mutating func choose(_ choice: Addressing, _ flag: String) throws(UsageError) {
    guard addressing == .host else { throw UsageError(reason: "\(flag) excludes another choice of address") }
    addressing = choice
  }

  private mutating func choose(_ choice: Accepting, _ flag: String) throws(UsageError) {
    guard accepting == .plain else { throw UsageError(reason: "\(flag) excludes another way to accept") }
    accepting = choice
  }

  private static func text(after flag: String, _ rest: inout ArraySlice<String>) throws(UsageError) -> String {
    guard let value = rest.popFirst() else { throw UsageError(reason: "\(flag) needs a value") }
    return value
  }

  private static func number<Number: FixedWidthInteger>(
    after flag: String, _ rest: inout ArraySlice<String>
  ) throws(UsageError) -> Number {
    let value = try text(after: flag, &rest)
    guard let number = Number(value), number >= 0 else {
      throw UsageError(reason: "\(value) is not a number for \(flag)")
    }
    return number
  }

  /// A day at most, so that no sum of times can overflow.
  private static func milliseconds(after flag: String, _ rest: inout ArraySlice<String>) throws(UsageError) -> Int {
    let value: Int = try number(after: flag, &rest)
    guard value <= 86_400_000 else { throw UsageError(reason: "\(value) is too long for \(flag)") }
    return value
  }
}
