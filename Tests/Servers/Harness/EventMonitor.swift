import Foundation

/// What a manager tells as it happens: `torpor monitor --json`.
final class EventMonitor {
  struct Event: Decodable {
    let time: Double
    let event: String
    let unit: String?
    let message: String?
    let client: String?
  }

  private let process: ChildProcess
  private var cursor = 0

  /// Everything after this is heard.
  init(_ manager: ManagerProcess) throws {
    process = try manager.start(["monitor", "--json"])
    guard process.output.contains("subscribed", within: .seconds(10)) else {
      throw SystemFailure("monitor torpord: \(process.errors.text)")
    }
  }

  deinit { process.killAndWait() }

  /// Those that have come since the last call.
  func take() throws -> [Event] {
    let lines = process.output.all[cursor...]
    cursor += lines.count
    return try lines.map { try JSONDecoder().decode(Event.self, from: Data($0.utf8)) }
  }

  /// The next of these about a unit, those before it passed over.
  @discardableResult
  func waitFor(_ kinds: String..., of unit: String, within limit: Duration = .seconds(20)) throws -> Event {
    let deadline = Deadline(after: limit)
    while case .line(let line) = process.output.line(number: cursor, by: deadline) {
      cursor += 1
      let event = try JSONDecoder().decode(Event.self, from: Data(line.utf8))
      if event.unit == unit, kinds.contains(event.event) { return event }
    }
    throw SystemFailure("hear \(kinds) of \(unit)", ETIMEDOUT)
  }

  /// Passes over everything for so long, and whether none of these about the unit was among it.
  func hears(noneOf kinds: String..., of unit: String, for duration: Duration) throws -> Bool {
    let deadline = Deadline(after: duration)
    while case .line(let line) = process.output.line(number: cursor, by: deadline) {
      cursor += 1
      let event = try JSONDecoder().decode(Event.self, from: Data(line.utf8))
      if event.unit == unit, kinds.contains(event.event) { return false }
    }
    return process.isRunning
  }
}
