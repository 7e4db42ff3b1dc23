/// How often something happened in each of the last 24 hours. Nothing is kept of hours before the first.
struct HourCounts: Equatable, Sendable, Codable {
  /// The newest hour, of local time since 1970.
  private(set) var hour = 0
  /// That hour's count first, then those before it.
  private(set) var counts: [UInt16] = []
  private static let hoursMax = 24

  init() {}

  /// Whatever a file says: sums with these can't overflow.
  init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: CodingKeys.self)
    let hour = try members.decode(Int.self, forKey: .hour)
    let counts = try members.decode([UInt16].self, forKey: .counts)
    self.hour = min(max(hour, 0), 1 << 40)
    self.counts = Array(counts.prefix(Self.hoursMax))
  }

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
