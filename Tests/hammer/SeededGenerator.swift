import Glibc

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same numbers from the same seed on every machine.
struct SeededGenerator {
  private var state: UInt64

  /// Each client has a sequence of its own that depends on the run's seed and the client's number only.
  init(seed: UInt64, client: Int) {
    state = seed ^ (UInt64(client) &+ 1) &* 0xD1B5_4A32_D192_ED03
  }

  private mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// Uniform in 0 ..< 1.
  mutating func fraction() -> Double {
    Double(next() >> 11) / 9_007_199_254_740_992
  }

  mutating func happens(withPercent percent: Double) -> Bool {
    fraction() * 100 < percent
  }

  /// Exponentially distributed, so that arrivals hit every moment of a stop alike.
  mutating func exponential(mean: Double) -> Double {
    -mean * log(1 - fraction())
  }
}
