import Glibc
import Lifecycle
import Linux

/// Asks a service for its own word: a command whose exit code says whether it is idle (0) or busy (1).
///
/// It runs as the service's user, in a session of its own, and for a limited time, at whose end all of its group is killed. Its
/// last line is the evidence. Whatever else it does than to exit with 0 or 1 counts as busy.
final class BusyCheck {
  enum Outcome: Equatable {
    case idle(String?)
    case busy(String?)
    /// It said neither. A clause, for a warning.
    case failed(String)
  }

  private let command: [String]
  private let limit: Duration
  private let account: Account?
  private let processes: ServiceProcesses
  private let loop: EventLoop
  private var alarm: Alarm?
  private var output: LastLine?
  private var pid: Int32?
  private var isLate = false
  private var onEnd: ((Outcome) -> Void)?

  /// How long a killed one may take to end.
  private static let patience = Duration.seconds(1)
  /// How long the server may take to be done with a check that was its client.
  private static let farewell = Duration.milliseconds(100)

  init(
    _ command: [String], limit: Duration, account: Account?, processes: ServiceProcesses, loop: EventLoop
  ) {
    self.command = command
    self.limit = limit
    self.account = account
    self.processes = processes
    self.loop = loop
  }

  /// It runs, or its answer hasn't been told yet.
  var isUnderWay: Bool { onEnd != nil }
  /// What it said last, if it may be said so.
  private(set) var saidBusy = false
  private var askedAt: Instant?

  /// The server has some work with it, too, which is not to be taken for its own: so not more often than once a second.
  func isWorthAsking(at now: Instant) -> Bool { askedAt.map { now.since($0) >= .seconds(1) } ?? true }

  /// Starts it; `onEnd` is called once, at the latest a second after the limit, unless it is abandoned.
  func run(_ onEnd: @escaping (Outcome) -> Void) {
    precondition(!isUnderWay, "one at a time")
    isLate = false
    askedAt = Instant(nanoseconds: MonotonicClock.now())
    do throws(Errno) {
      let pipe = try OwnedFD.pipe()
      let output = try LastLine(pipe.reading.duplicate(), loop: loop)
      let alarm = Alarm(loop: loop)
      let process = try start(writing: pipe.writing.number)
      self.onEnd = onEnd
      self.output = output
      self.alarm = alarm
      let pid = process.handle.pid
      self.pid = pid
      alarm.onDue = { [weak self] in self?.limitReached() }
      alarm.set(to: MonotonicClock.now() + limit.nanoseconds)
      processes.addControl(process.takeHandle()) { [weak self] in self?.ended(pid, $0) }
    } catch {
      saidBusy = true
      onEnd(.failed("cannot be started: \(error)"))
    }
  }

  /// Its answer is of no interest any more.
  func abandon() {
    onEnd = nil
    saidBusy = false
    askedAt = nil
    kill()
    clear()
  }

  private func start(writing output: Int32) throws(Errno) -> Spawn.Process {
    let path = try CommandPath.resolve(command.first ?? "", path: Launcher.variable("PATH"))
    let null = try OwnedFD.null()
    var environment = Environment.all
    if let account {
      let own = ["HOME", "USER", "LOGNAME", "SHELL"]
      environment.removeAll { variable in own.contains { variable.hasPrefix($0 + "=") } }
      environment += [
        "HOME=\(account.home)", "USER=\(account.name)", "LOGNAME=\(account.name)", "SHELL=\(account.shell)",
      ]
    }
    environment.removeAll { variable in ServiceOptions.ownVariables.contains { variable.hasPrefix($0 + "=") } }
    var spawn = Spawn(path: path, arguments: command, environment: environment)
    spawn.standardInput = null.number
    spawn.standardOutput = output
    spawn.standardError = output
    if let account { spawn.identity = Spawn.Identity(user: account.user, group: account.group, groups: account.groups) }
    do throws(Spawn.Failure) { return try spawn.run() } catch { throw error.errno }
  }

  private func limitReached() {
    guard isUnderWay else { return }
    if isLate { return finish(.failed("doesn't end, not even by SIGKILL")) }
    isLate = true
    kill()
    alarm?.set(to: MonotonicClock.now() + Self.patience.nanoseconds)
  }

  /// The number is its until its end has been told.
  private func kill() {
    guard let pid else { return }
    _ = Glibc.kill(-pid, SIGKILL)
  }

  private func ended(_ pid: Int32, _ status: ExitStatus) {
    guard pid == self.pid else { return }
    self.pid = nil
    guard isUnderWay else { return }
    output?.drain()
    let line = output?.text
    switch status {
    case _ where isLate: finish(.failed("took longer than \(TimeSpan.describe(limit)) and was killed"))
    case .exited(code: 0): finish(.idle(line))
    case .exited(code: 1): finish(.busy(line))
    case .exited, .signalled, .unknown:
      finish(.failed(Narrator.describe(status) + (line.map { ": \($0)" } ?? "")))
    }
  }

  private func finish(_ outcome: Outcome) {
    if case .idle = outcome { saidBusy = false } else { saidBusy = true }
    output?.close()
    alarm?.onDue = { [weak self] in self?.tell(outcome) }
    alarm?.set(to: MonotonicClock.now() + Self.farewell.nanoseconds)
  }

  private func tell(_ outcome: Outcome) {
    let tell = onEnd
    onEnd = nil
    clear()
    tell?(outcome)
  }

  private func clear() {
    pid = nil
    output?.close()
    output = nil
    alarm = nil
  }
}

/// Reads what a command says, and keeps the last line.
private final class LastLine {
  private let reading: OwnedFD
  private let loop: EventLoop
  private var token: EventLoop.Token?
  private var line: [UInt8] = []
  private var last: [UInt8] = []
  private static let bytesMax = 200

  init(_ reading: consuming OwnedFD, loop: EventLoop) throws(Errno) {
    self.reading = reading
    self.loop = loop
    token = try loop.add(self.reading, for: .readable) { [weak self] _ in self?.read() }
  }

  /// nil: it has said nothing.
  var text: String? {
    let bytes = line.isEmpty ? last : line
    let text = String(decoding: bytes, as: UTF8.self).unicodeScalars
      .filter { $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) }
    return text.isEmpty ? nil : String(String.UnicodeScalarView(text))
  }

  private func read() {
    var buffer = [UInt8](repeating: 0, count: 4096)
    do throws(Errno) {
      let count = try reading.read(into: &buffer)
      guard count > 0 else { return close() }
      for byte in buffer[..<count] {
        if byte == UInt8(ascii: "\n") {
          if !line.isEmpty { last = line }
          line = []
        } else if line.count < Self.bytesMax {
          line.append(byte)
        }
      }
    } catch { if error != .again { close() } }
  }

  /// What is still in the pipe, 64 KiB at most.
  func drain() {
    for _ in 0..<16 where token != nil && reading.isReadableNow() { read() }
  }

  func close() {
    if let token { loop.remove(token, reading) }
    token = nil
  }
}
