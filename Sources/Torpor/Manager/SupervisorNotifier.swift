import Linux

/// Tells whoever has started us how we are (sd_notify(3)): a line or more of `VARIABLE=VALUE` in a datagram.
///
/// It never waits: what the supervisor has no room for is sent when it has.
final class SupervisorNotifier {
  private let loop: EventLoop
  private let address: UnixAddress
  private var socket: UnixSocket?
  private var token: EventLoop.Token?
  private var pending: [[UInt8]] = []
  private let watchdogNanoseconds: UInt64?
  private let watchdog: Alarm
  /// More than any sequence of ours; a supervisor that takes none of it isn't listening.
  private static let pendingMax = 16

  /// nil: nobody wants to know, or is at no address that we can send to. `variable` asks for one of the environment.
  init?(loop: EventLoop, variable: (String) -> String? = Launcher.variable) {
    guard let address = variable("NOTIFY_SOCKET").flatMap(Self.address) else { return nil }
    self.loop = loop
    self.address = address
    watchdogNanoseconds = Self.watchdogInterval(variable)
    watchdog = Alarm(loop: loop)
    watchdog.onDue = { [weak self] in self?.beAlive() }
  }

  /// "/path" or "@name". vsock is for virtual machines.
  private static func address(_ text: String) -> UnixAddress? {
    if text.hasPrefix("@") { return UnixAddress(abstract: String(text.dropFirst())) }
    return text.hasPrefix("/") ? UnixAddress(path: text) : nil
  }

  /// Half of the time after which we would be taken for dead (sd_watchdog_enabled(3)).
  private static func watchdogInterval(_ variable: (String) -> String?) -> UInt64? {
    if let pid = variable("WATCHDOG_PID"), Int32(pid) != ProcessFiles.ownProcess { return nil }
    guard let limit = variable("WATCHDOG_USEC").flatMap({ UInt64($0) }), (1...(1 << 52)).contains(limit) else {
      return nil
    }
    return limit * 1000 / 2
  }

  // MARK: what is told

  /// Everything that can be held is held. The same ends `reloading`.
  func ready(_ status: String) {
    send(["READY=1", Self.line("STATUS", status)])
    if watchdogNanoseconds != nil { beAlive() }
  }

  func reloading(_ status: String) {
    // What a supervisor tells this reload from one before by (Type=notify-reload).
    send(["RELOADING=1", "MONOTONIC_USEC=\(MonotonicClock.now() / 1000)", Self.line("STATUS", status)])
  }

  /// What `systemctl status` shows.
  func status(_ status: String) { send([Self.line("STATUS", status)]) }

  /// The end has begun.
  func stopping(_ status: String) { send(["STOPPING=1", Self.line("STATUS", status)]) }

  /// Another process is the one to watch from now on.
  func mainProcess(_ pid: Int32) { send(["MAINPID=\(pid)"]) }

  /// Only where the supervisor asks for it: a manager whose services are all at rest wakes up for nothing else.
  private func beAlive() {
    guard let watchdogNanoseconds else { return }
    send(["WATCHDOG=1"])
    watchdog.set(to: MonotonicClock.now() + watchdogNanoseconds)
  }

  private static func line(_ name: String, _ value: String) -> String {
    name + "=" + LogText.clean(value, limit: LogText.lineBytesMax)
  }

  // MARK: sending

  private func send(_ lines: [String]) {
    if pending.count < Self.pendingMax { pending.append(Array(lines.joined(separator: "\n").utf8)) }
    if token == nil { flush() }
  }

  private func flush() {
    while let message = pending.first {
      do throws(Errno) { try sendNow(message) } catch {
        if error == .again { return waitForRoom() }
        // Nobody is there, and nobody has to be: we go on. What comes next tries anew.
        disconnect()
        pending = []
      }
      if !pending.isEmpty { pending.removeFirst() }
    }
    stopWaiting()
  }

  private func sendNow(_ message: [UInt8]) throws(Errno) {
    for isLastTry in [false, true] {
      do throws(Errno) {
        try connect()
        try withSocket { socket throws(Errno) in _ = try socket.descriptor.write(message) }
        return
      } catch {
        // A supervisor that was started anew has a new socket.
        if error == .again || isLastTry { throw error }
        disconnect()
      }
    }
  }

  private func connect() throws(Errno) {
    switch socket {
    case .some: return
    case .none: break
    }
    let connected = try UnixSocket(.datagrams)
    try connected.connect(to: address)
    socket = consume connected
  }

  private func withSocket(_ body: (borrowing UnixSocket) throws(Errno) -> Void) throws(Errno) {
    switch socket {
    case .some(let socket): try body(socket)
    case .none: throw .refused
    }
  }

  private func disconnect() {
    stopWaiting()
    socket = nil
  }

  private func waitForRoom() {
    if token != nil { return }
    switch socket {
    // epoll refuses no socket; without memory for it, the next message tries again.
    case .some(let socket): token = try? loop.add(socket.descriptor, for: .writable) { [weak self] _ in self?.flush() }
    case .none: break
    }
  }

  private func stopWaiting() {
    guard let ended = token else { return }
    token = nil
    switch socket {
    case .some(let socket): loop.remove(ended, socket.descriptor)
    case .none: break
    }
  }

  deinit { stopWaiting() }
}
