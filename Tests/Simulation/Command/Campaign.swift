import Simulation
import Synchronization

/// A row of seeds, tried by several threads side by side. It ends at the first seed that fails: the lowest one, whichever
/// thread comes to a failure first, so that the same seeds have the same answer.
final class Campaign: Sendable {
  struct ThreadsExhausted: Error {}

  private let seeds: Range<UInt64>
  private let profile: Profile?
  private let jobs: Int
  private let deadline: ContinuousClock.Instant?
  private let lowestFailure = Mutex(UInt64.max)
  private let total = Mutex(Tally())

  /// `profile`: nil for each seed its own.
  init(seeds: Range<UInt64>, profile: Profile?, jobs: Int, deadline: ContinuousClock.Instant?) {
    self.seeds = seeds
    self.profile = profile
    self.jobs = jobs
    self.deadline = deadline
  }

  /// The calling thread is one of them.
  func run() throws(ThreadsExhausted) -> Tally {
    var threads: [Thread] = []
    for share in 1..<max(jobs, 1) {
      guard let thread = Thread({ self.run(share: share) }) else { throw ThreadsExhausted() }
      threads.append(thread)
    }
    run(share: 0)
    for thread in threads { thread.join() }
    return total.withLock { $0 }
  }

  /// Every jobs-th seed.
  private func run(share: Int) {
    var tally = Tally()
    for seed in stride(from: seeds.lowerBound + UInt64(share), to: seeds.upperBound, by: jobs) {
      guard seed < (lowestFailure.withLock { $0 }) else { break }
      if let deadline, ContinuousClock.now >= deadline { break }
      let outcome = Schedule(seed: seed, profile: profile ?? Profile(of: seed)).run()
      tally.add(outcome, seed: seed)
      if !outcome.violations.isEmpty { lowestFailure.withLock { $0 = min($0, seed) } }
    }
    total.withLock { $0 += tally }
  }
}
