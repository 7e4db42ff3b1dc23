import Glibc

/// How the clients behave; the same for all.
struct Behaviour: Sendable {
  let endpoint: Endpoint
  let request: Request
  let meanPauseMicroseconds: Double
  let holdPercent: Double
  let holdNanosecondsMax: Int
  let timeoutNanoseconds: Int
  /// Client 0 comes back this long after it has closed, and always holds: it aims at the moment of a rest.
  let aimMicroseconds: ClosedRange<Double>?

  func aims(client: Int) -> ClosedRange<Double>? { client == 0 ? aimMicroseconds : nil }
}

/// One client, on a thread of its own: connects, asks, reads the reply, closes, pauses, and again.
struct Client {
  private let number: Int
  private let behaviour: Behaviour
  private let run: Run
  private var generator: SeededGenerator
  private var tally = Tally()
  private var buffer = [UInt8](repeating: 0, count: 65_536)

  init(number: Int, behaviour: Behaviour, run: Run, seed: UInt64) {
    self.number = number
    self.behaviour = behaviour
    self.run = run
    generator = SeededGenerator(seed: seed, client: number)
  }

  /// Until the run ends.
  mutating func hammer() {
    while run.takeRequest() {
      let began = MonotonicClock.nowNanoseconds()
      do throws(Failure) {
        try useOneConnection(beganNanoseconds: began)
      } catch {
        tally.record(error)
        run.printIfEarly(error, client: number, connectionBegan: began)
      }
      pause()
    }
    run.clientEnded(tally)
  }

  private mutating func useOneConnection(beganNanoseconds began: Int) throws(Failure) {
    let isAiming = behaviour.aims(client: number) != nil
    let wantsHold = isAiming || generator.happens(withPercent: behaviour.holdPercent)
    let host = behaviour.endpoint.hostHeader
    let deadline = began + behaviour.timeoutNanoseconds
    let connection = try Connection(to: behaviour.endpoint, deadlineNanoseconds: deadline)
    try connection.send(behaviour.request.opening(isHeld: wantsHold, host: host), deadlineNanoseconds: deadline)
    let reply = try connection.readReply(
      with: behaviour.request.makeReplyReader(isFirst: true), into: &buffer, deadlineNanoseconds: deadline)
    tally.recordFirstReply(latencyNanoseconds: reply.recognizedAtNanoseconds - began)

    guard wantsHold, !reply.serverCloses, run.takeRequest() else { return }
    let holdNanoseconds = Int(generator.fraction() * Double(behaviour.holdNanosecondsMax))
    try connection.hold(untilNanoseconds: MonotonicClock.nowNanoseconds() + holdNanoseconds, using: &buffer)
    let secondDeadline = MonotonicClock.nowNanoseconds() + behaviour.timeoutNanoseconds
    do throws(Failure) {
      try connection.send(behaviour.request.following(host: host), deadlineNanoseconds: secondDeadline)
      _ = try connection.readReply(
        with: behaviour.request.makeReplyReader(isFirst: false), into: &buffer, deadlineNanoseconds: secondDeadline)
    } catch {
      var failure = error
      failure.detail += ", second request"
      throw failure
    }
    tally.recordSecondReply()
  }

  private mutating func pause() {
    let length: Double
    if let aim = behaviour.aims(client: number) {
      length = (aim.lowerBound + generator.fraction() * (aim.upperBound - aim.lowerBound)) * 1000
    } else {
      length = generator.exponential(mean: behaviour.meanPauseMicroseconds) * 1000
    }
    let end = MonotonicClock.nowNanoseconds() + Int(length)
    while !run.isStopping {
      let left = end - MonotonicClock.nowNanoseconds()
      guard left > 0 else { return }
      // In slices, so that the end of the run isn't waited for through a long pause.
      var slice = timespec(tv_sec: 0, tv_nsec: min(left, 50_000_000))
      nanosleep(&slice, nil)
    }
  }
}
