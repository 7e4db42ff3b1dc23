/// How often something happened in each of the last 24 hours. Nothing is kept of hours before the first.
struct HourCounts: Equatable, Sendable, Codable {
  /// The newest hour, of local time since 1970.
  private(set) var hour = 0
  /// That hour's count first, then those before it.
  private(set) var counts: [UInt16] = []
  private static let hoursMax = 24

  mutating func add(at hour: Int) {
    // Much earlier than what is there: the clock was wrong before.
    if counts.isEmpty || hour > self.hour + Self.hoursMax || hour < self.hour - Self.hoursMax {
      self.hour = hour
      counts = [0]
    }
    while self.hour < hour {
      counts.insert(0, at: 0)
      self.hour += 1
    }
    let index = self.hour - hour
    while counts.count <= index { counts.append(0) }
    if counts[index] < .max { counts[index] += 1 }
    counts.removeLast(max(0, counts.count - Self.hoursMax))
  }

  /// Those of the day that `hour` is in.
  func today(at hour: Int) -> Int {
    let first = Self.floor(hour, by: 24) * 24
    var total = 0
    for (index, count) in counts.enumerated() where self.hour - index >= first && self.hour - index <= hour {
      total += Int(count)
    }
    return total
  }

  private static func floor(_ number: Int, by divisor: Int) -> Int {
    number >= 0 ? number / divisor : -((-number + divisor - 1) / divisor)
  }
}
