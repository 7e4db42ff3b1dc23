import Foundation
import Synchronization

/// A client that comes at the worst moment: as soon as a rest is announced, before new connections are steered away, and that
/// stays for longer than a drain lasts. Each visit asks twice, and both answers must be right.
final class Provoker: Sendable {
  private struct State {
    var announcements = 0
    var visits = 0
    var failures: [String] = []
    var isOver = false
  }
  private let state = Mutex(State())
  private let endpoint: Endpoint
  private let exchange: Exchange
  /// Every so many announcements, that the other rests may succeed.
  private let every: Int
  /// Longer than a drain, shorter than what a client would call slow.
  private static let stay = Duration.milliseconds(80)

  init(_ torpor: TorporProcess, _ endpoint: Endpoint, _ exchange: Exchange, every: Int = 3) {
    self.endpoint = endpoint
    self.exchange = exchange
    self.every = every
    torpor.process.output.observe { [self] line in
      if line.contains("\"resting\"") { announce() }
    }
  }

  /// On the thread that reads the events: a thread that had to be woken would come too late.
  private func announce() {
    let isDue = state.withLock { state in
      state.announcements += 1
      let isDue = !state.isOver && state.announcements % every == 0
      if isDue { state.visits += 1 }
      return isDue
    }
    guard isDue else { return }
    do {
      // Handed over: this thread uses it no more.
      nonisolated(unsafe) let client = try Client(beginConnectingTo: endpoint)
      Thread.detachNewThread { [self] in end(client) }
    } catch {
      record("\(error)")
    }
  }

  private func end(_ client: Client) {
    do {
      try client.waitUntilConnected(within: .milliseconds(900))
      try client.ask(exchange, within: .milliseconds(900))
      guard client.hearsNothing(for: Self.stay) else { throw WrongAnswer(received: "something unasked") }
      try client.ask(exchange, within: .milliseconds(900))
      client.close()
      record(nil)
    } catch {
      record("\(error)")
    }
  }

  private func record(_ failure: String?) {
    state.withLock { state in
      state.visits -= 1
      if let failure { state.failures.append(failure) }
    }
  }

  /// Begins no visit any more, waits for the end of those under way, and returns what went wrong in any.
  func finish() -> [String] {
    let deadline = Deadline(after: .seconds(10))
    state.withLock { $0.isOver = true }
    while !deadline.hasPassed, state.withLock({ $0.visits > 0 }) { usleep(1000) }
    return state.withLock { $0.failures + ($0.visits > 0 ? ["\($0.visits) visits didn't end"] : []) }
  }
}
