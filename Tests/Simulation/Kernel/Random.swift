/// All chance of a schedule comes from one of these, so that a seed is a schedule. SplitMix64 (Steele, Lea and Flood, 2014):
/// one word of state, good enough to explore with, and any seed is as good as any other.
public struct Random: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }

  /// 0 ..< bound, near enough to evenly.
  mutating func below(_ bound: UInt64) -> UInt64 {
    precondition(bound > 0)
    return next().multipliedFullWidth(by: bound).high
  }

  mutating func below(_ bound: Int) -> Int { Int(below(UInt64(bound))) }

  /// True in so many of a hundred cases.
  mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

  /// Evenly spread over orders of magnitude: races happen at microseconds and at minutes alike.
  mutating func spread(_ range: ClosedRange<UInt64>) -> UInt64 {
    precondition(range.lowerBound > 0)
    let ratio = range.upperBound / range.lowerBound
    let doublings = ratio.bitWidth - ratio.leadingZeroBitCount
    let base = range.lowerBound << UInt64(below(max(doublings, 1)))
    return min(base + below(base), range.upperBound)
  }

  mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }
}

/// Virtual time is counted in nanoseconds, as the core's `Instant` is.
let microsecond: UInt64 = 1_000
let millisecond: UInt64 = 1_000_000
let second: UInt64 = 1_000_000_000

extension Duration {
  /// For virtual times, which are never negative nor longer than centuries.
  var nanosecondCount: UInt64 {
    UInt64(components.seconds) * second + UInt64(components.attoseconds / 1_000_000_000)
  }
}
