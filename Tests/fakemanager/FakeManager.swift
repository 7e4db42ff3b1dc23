import Glibc
import Linux
import Torpor

/// A manager of as many units as it is told to have, none of which runs anything: there to try the control socket with.
///
/// Their names say what they do: "unit-7" can be woken and put to rest, at once; "slow" takes 200 ms; "busy" is never put to rest;
/// "broken" can't be started; a rest of "chatty" is told by 20,000 events; the file of "faulty", which isn't listed, has a mistake.
final class FakeManager: ManagerControl {
  let unitNames: [String]
  private let known: Set<String>
  private var running: Set<String> = []
  private var lastHold = 0
  private(set) var holds: [(unit: String, hold: UnitHold)] = []
  private let loop: EventLoop
  private var delays: [Delay] = []
  var onEvent: ((ManagerEvent) -> Void)?

  static let chattyEvents = 20_000

  init(units: Int, loop: EventLoop) {
    unitNames = ["slow", "busy", "broken", "chatty"] + (0..<units).map { "unit-\($0)" }
    known = Set(unitNames + ["faulty"])
    self.loop = loop
  }

  private func say(_ line: String) {
    print(line)
    fflush(nil)
  }

  func status(of name: String) -> UnitStatus? {
    guard known.contains(name) else { return nil }
    if name == "faulty" {
      return UnitStatus(name: name, state: .invalid, since: 0, file: "/x", warnings: ["/x:1:1: error: no"])
    }
    let isRunning = running.contains(name)
    return UnitStatus(
      name: name, state: isRunning ? .running : .dormant, since: 1_700_000_000.25, sockets: ["127.0.0.1:6379"],
      connections: isRunning ? 1 : 0, idleInSeconds: isRunning ? 60 : nil, wakesToday: 3,
      memoryBytes: isRunning ? 7_000_000_000 : nil, pid: isRunning ? 4711 : nil,
      lastFailure: UnitFailure(time: 1_700_000_000, reason: "exited with status 1", lastLine: "no \"config\"\u{1F4A5}"),
      verification: UnitVerification(
        name: name, time: 1_700_000_000, passed: true, seconds: 0.25, message: "ready after 12 ms"),
      holds: holds.filter { $0.unit == name }.map(\.hold), file: "/etc/torpor/\(name).torpor", warnings: ["a warning"])
  }

  func settings(of name: String) -> UnitSettings? {
    known.contains(name) && name != "faulty"
      ? UnitSettings(
        command: ["/usr/bin/redis-server"], description: "it", dropIns: ["/x"], idleTimeoutSeconds: 1800, user: "redis",
        logFile: "/var/log/torpor/\(name).log") : nil
  }

  func explanation(of name: String) -> UnitExplanation? {
    guard known.contains(name), name != "faulty" else { return nil }
    return UnitExplanation(
      name: name, state: .running, since: 1_700_000_000,
      senses: [SenseReport(name: "connections", verdict: .busy, since: 1_700_000_000, evidence: ["127.0.0.1:5"])],
      earliestRest: 1_800_000_000, holds: [], restedBecause: "idle", restedAt: 1, wakesOn: ["a connection"],
      wokenBy: "redis-cli[5]", wokenAt: 2, lastFailure: UnitFailure(time: 1, reason: "x"), retryInSeconds: 1,
      advice: ["None."])
  }

  func wake(_ name: String, completion: @escaping (Result<WakeOutcome, ControlFailure>) -> Void) {
    say("wake \(name)")
    switch name {
    case _ where !known.contains(name): completion(.failure(.noSuchUnit(name)))
    case "broken": completion(.failure(.failed("cannot start it")))
    case "slow": after(milliseconds: 200) { completion(.success(WakeOutcome(wasRunning: false, milliseconds: 200))) }
    default:
      let isNew = running.insert(name).inserted
      completion(.success(WakeOutcome(wasRunning: !isNew, milliseconds: isNew ? 1.5 : nil)))
      if isNew { onEvent?(ManagerEvent(time: 1_700_000_000.5, event: "serving", unit: name, pid: 4711)) }
    }
  }

  func rest(_ name: String, completion: @escaping (Result<RestOutcome, ControlFailure>) -> Void) {
    say("rest \(name)")
    switch name {
    case _ where !known.contains(name): completion(.failure(.noSuchUnit(name)))
    case "busy": completion(.failure(.notNow("2 connections are open")))
    case "chatty":
      let reason = String(repeating: "x", count: 200)
      for number in 0..<Self.chattyEvents {
        onEvent?(ManagerEvent(time: Double(number), event: "tick", unit: name, reason: reason))
      }
      completion(.success(RestOutcome(wasDormant: true, bytesGivenBack: nil)))
    default:
      let wasRunning = running.remove(name) != nil
      completion(.success(RestOutcome(wasDormant: !wasRunning, bytesGivenBack: wasRunning ? 1_000_000 : nil)))
    }
  }

  func hold(
    _ name: String, seconds: Double?, reason: String?, by peer: ControlPeer
  ) throws(ControlFailure) -> UnitHold {
    guard known.contains(name) else { throw .noSuchUnit(name) }
    lastHold += 1
    let hold = UnitHold(
      id: lastHold, since: 1_700_000_000, until: seconds.map { 1_700_000_000 + $0 },
      holder: "\(peer.name ?? "?")[\(peer.pid)]", reason: reason)
    holds.append((name, hold))
    say("hold \(name) \(hold.id)")
    return hold
  }

  func release(_ name: String, id: Int?) throws(ControlFailure) -> Int {
    guard known.contains(name) else { throw .noSuchUnit(name) }
    let before = holds.count
    holds.removeAll { $0.unit == name && (id == nil || $0.hold.id == id) }
    say("release \(name) \(id.map { "\($0)" } ?? "all")")
    return before - holds.count
  }

  func verify(_ name: String, completion: @escaping (Result<UnitVerification, ControlFailure>) -> Void) {
    say("verify \(name)")
    let passed = name != "broken"
    let result = UnitVerification(
      name: name, time: 1_700_000_000, passed: passed, seconds: 0.1, message: passed ? "ready" : "it died",
      lastLines: passed ? [] : ["corrupted"])
    switch name {
    case "slow": after(milliseconds: 200) { completion(.success(result)) }
    case "busy": completion(.failure(.notNow("it is stopping")))
    default: completion(.success(result))
    }
  }

  func reload(completion: @escaping (Result<ReloadOutcome, ControlFailure>) -> Void) {
    completion(
      .success(ReloadOutcome(added: ["new"], changed: [], removed: [], unchanged: 4, problems: ["x.torpor:1:1: no"])))
  }

  func reloadService(_ name: String, completion: @escaping (Result<NoOutcome, ControlFailure>) -> Void) {
    say("reload \(name)")
    switch name {
    case _ where !known.contains(name): completion(.failure(.noSuchUnit(name)))
    case "broken": completion(.failure(.failed("it has no ExecReload=")))
    default: completion(.success(NoOutcome()))
    }
  }

  private func after(milliseconds: UInt64, _ body: @escaping () -> Void) {
    guard let delay = try? Delay(milliseconds: milliseconds, loop: loop, body) else { return body() }
    delays.append(delay)
  }
}

/// Calls back once.
private final class Delay {
  private var timer: Linux.Timer
  private var token: EventLoop.Token?

  init(milliseconds: UInt64, loop: EventLoop, _ body: @escaping () -> Void) throws {
    timer = try Linux.Timer()
    try timer.set(to: MonotonicClock.now() + milliseconds * 1_000_000)
    token = try loop.add(timer.descriptor, for: .readable) { [unowned self] _ in
      if let token { loop.remove(token, timer.descriptor) }
      token = nil
      body()
    }
  }
}
