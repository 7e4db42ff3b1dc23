import Glibc
import Synchronization

/// What the clients of one run share.
final class Run: Sendable {
  private let isEnding = Atomic<Bool>(false)
  private let requestsLeft: Atomic<Int>
  private let clientsAtWork: Atomic<Int>
  private let failuresSeen = Mutex<[FailureKind: Int]>([:])
  private let total = Mutex(Tally())

  /// How many failures of a kind are worth a line; the report has the number of all.
  private static let failuresPrintedMax = 3

  init(clients: Int, requestsMax: Int?) {
    clientsAtWork = Atomic(clients)
    requestsLeft = Atomic(requestsMax ?? .max)
  }

  /// No new request begins; those in flight are finished.
  func end() {
    isEnding.store(true, ordering: .relaxed)
  }

  var hasEnded: Bool { clientsAtWork.load(ordering: .acquiring) == 0 }
  var isStopping: Bool { isEnding.load(ordering: .relaxed) }

  /// Whether another request may begin; each yes is one of `--requests`.
  func takeRequest() -> Bool {
    if isStopping { return false }
    if requestsLeft.wrappingSubtract(1, ordering: .relaxed).newValue >= 0 { return true }
    requestsLeft.wrappingAdd(1, ordering: .relaxed)
    return false
  }

  /// Says what happened, on standard error, the first few times.
  func printIfEarly(_ failure: Failure, client: Int, connectionBegan: Int) {
    let now = MonotonicClock.nowNanoseconds()
    let isEarly = failuresSeen.withLock { seen in
      seen[failure.kind, default: 0] += 1
      return seen[failure.kind, default: 0] <= Self.failuresPrintedMax
    }
    guard isEarly else { return }
    let age = MonotonicClock.milliseconds(fromMicroseconds: (now - connectionBegan) / 1000)
    let moment = MonotonicClock.seconds(fromNanoseconds: now)
    writeLine("hammer: \(failure) at \(moment), \(age) ms after connecting began, client \(client)", to: STDERR_FILENO)
  }

  func clientEnded(_ tally: Tally) {
    total.withLock { $0.add(tally) }
    clientsAtWork.wrappingSubtract(1, ordering: .releasing)
  }

  var tally: Tally { total.withLock { $0 } }
}

/// One write, so that lines of several threads are not mixed.
func writeLine(_ line: String, to descriptor: Int32) {
  let bytes = Array((line + "\n").utf8)
  _ = write(descriptor, bytes, bytes.count)
}
