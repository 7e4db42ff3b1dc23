/// How long to wait after the n-th failed start in a row: 1 s, 2 s, 4 s … one minute.
public struct Backoff: Equatable, Sendable {
  public var first: Duration
  public var longest: Duration

  public init(first: Duration = .seconds(1), longest: Duration = .seconds(60)) {
    precondition(first > .zero && longest >= first)
    self.first = first
    self.longest = longest
  }

  /// The wait after `failures` failed starts in a row, of which there is at least one.
  public func delay(afterFailures failures: Int) -> Duration {
    precondition(failures > 0)
    var delay = first
    var counted = 1
    // Ends as soon as the longest wait is reached, however many failures there were.
    while counted < failures, delay < longest {
      delay += delay
      counted += 1
    }
    return min(delay, longest)
  }
}
