import Foundation
import Testing

/// A running `torpor run --json`, its events in their order, and the certainty that nothing of it outlives the test.
final class TorporProcess {
  let process: ChildProcess
  private var cursor = 0
  private(set) var events: [TorporEvent] = []
  /// How often it has said that bind() is adopted by a preloaded library. Kept out of `events`: where that is so, all else is
  /// as it is elsewhere.
  private(set) var preloads = 0
  /// Processes of the service that were heard of.
  private var services: Set<ProcessIdentity> = []

  var pid: pid_t { process.pid }
  var errors: LineCollector { process.errors }

  private init(_ command: [String], environment: [String: String]) throws {
    process = try ChildProcess(command, environment: environment)
  }

  /// Starts torpor, waits until it is dormant, hands it to `body`, and stops it.
  ///
  /// - Parameters:
  ///   - arguments: those after `torpor run --json`.
  ///   - wrapper: words before the command, e.g. `Machine.asNobody`.
  @discardableResult
  static func run<Result>(
    _ arguments: [String], wrapper: [String] = [], environment: [String: String] = [:],
    confinement: Confinement? = .everywhere, binaries: Binaries = .built, body: (TorporProcess) throws -> Result
  ) throws -> Result {
    let confining = confinement.map { [binaries.confined, $0.rawValue] } ?? []
    let command = wrapper + confining + [binaries.torpor, "run", "--json"] + arguments
    let torpor = try TorporProcess(command, environment: environment)
    defer { torpor.cleanUp() }
    do {
      try torpor.waitFor(.dormant, within: .seconds(10))
      let result = try body(torpor)
      if torpor.process.isRunning { try torpor.stopGracefully() }
      return result
    } catch {
      print("--- \(command.joined(separator: " "))\n\(torpor.transcript)\n---")
      throw error
    }
  }

  /// The next event of this kind after those already waited for. What comes before it is passed over.
  @discardableResult
  func waitFor(_ kind: TorporEvent.Kind, within limit: Duration = .seconds(15)) throws -> TorporEvent {
    let deadline = Deadline(after: limit)
    while true {
      let event = try next(by: deadline, awaiting: kind.rawValue)
      if event.event == kind { return event }
    }
  }

  /// The next event, whatever it is.
  func next(within limit: Duration) throws -> TorporEvent {
    try next(by: Deadline(after: limit), awaiting: "any event")
  }

  /// Passes over everything for this long, and whether none of these was among it.
  func hears(noneOf kinds: TorporEvent.Kind..., for duration: Duration) throws -> Bool {
    let deadline = Deadline(after: duration)
    while let event = try nextIfAny(by: deadline) { if kinds.contains(event.event) { return false } }
    return process.isRunning
  }

  func count(of kind: TorporEvent.Kind) -> Int { events.count { $0.event == kind } }

  /// SIGTERM, exit status 0, and no process of the service left.
  func stopGracefully(by signal: Int32 = SIGTERM, within limit: Duration = .seconds(10)) throws {
    learnDescendants()
    process.send(signal)
    let status = process.waitForExit(within: limit)
    try #require(status == .exited(0))
    try #require(livingServices.isEmpty)
  }

  /// Every known process of the service that still lives.
  var livingServices: [pid_t] { services.filter(\.isAlive).map(\.pid) }

  /// All below torpor but the helpers that it makes of itself, which live for milliseconds and belong to no service.
  func learnDescendants() {
    services.formUnion(ProcessTable.descendants(of: pid).filter { ProcessTable.name($0.pid) != "torpor" })
  }

  var transcript: String {
    "stdout:\n\(process.output.all.suffix(60).joined(separator: "\n"))\n"
      + "stderr:\n\(process.errors.all.suffix(60).joined(separator: "\n"))"
  }

  private func nextIfAny(by deadline: Deadline) throws -> TorporEvent? {
    guard case .line(let line) = process.output.line(number: cursor, by: deadline) else { return nil }
    cursor += 1
    let event = try TorporEvent(line: line)
    if event.event == .warning, event.message?.contains("a preloaded library adopts it") == true {
      preloads += 1
      return try nextIfAny(by: deadline)
    }
    events.append(event)
    if event.event == .serving || event.event == .background, let identity = event.pid.flatMap({ ProcessIdentity($0) })
    {
      services.insert(identity)
    }
    return event
  }

  private func next(by deadline: Deadline, awaiting what: String) throws -> TorporEvent {
    if let event = try nextIfAny(by: deadline) { return event }
    throw deadline.hasPassed ? EventFailure.timedOut(awaiting: what) : EventFailure.ended(awaiting: what)
  }

  private func cleanUp() {
    if process.isRunning {
      learnDescendants()
      process.send(SIGTERM)
      if process.waitForExit(within: .seconds(3)) == nil { learnDescendants() }
    }
    process.killAndWait()
    for service in services { service.killIfAlive() }
  }
}

enum EventFailure: Error {
  case timedOut(awaiting: String)
  /// torpor has closed its standard output.
  case ended(awaiting: String)
}
