/// What happened, a line each. A class, so that a line may read the world that it is about while it is written.
final class Trace {
  private(set) var lines: [String] = []

  func add(_ line: String, at time: UInt64) { lines.append("\(Outcome.format(time)) \(line)") }
}
