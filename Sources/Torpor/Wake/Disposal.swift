import Linux

/// Where descriptors of foreign files go: they are closed by children, as whoever made a file decides how long that takes.
final class Disposal {
  private let loop: EventLoop
  private var closers: [Running] = []
  private var waiting: [Int32] = []
  /// Made when there is much to close for the first time.
  private var alarm: Alarm?
  /// Called when it was clogged and no longer is.
  var onRoom: (() -> Void)?

  private static let closersMax = 4
  private static let waitingMax = 64
  /// Longer than it takes to close any honest file, by a child that has to wait for a processor.
  private static let patience = Duration.seconds(1)

  private final class Running {
    let numbers: [Int32]
    let beganAt = MonotonicClock.now()
    var closer: Closer?
    var token: EventLoop.Token?
    var isKilled = false
    init(_ numbers: [Int32]) { self.numbers = numbers }
  }

  init(loop: EventLoop) { self.loop = loop }

  /// The children: none of a service's.
  var helpers: Set<Int32> {
    Set(
      closers.compactMap { running in
        switch running.closer {
        case .some(let closer): closer.pid
        case .none: nil
        }
      })
  }

  /// So much has to be closed that nothing more is to be taken until `onRoom`.
  var isClogged: Bool { waiting.count >= Self.waitingMax }

  /// Children were killed and haven't ended: what they close are files of a kind that nothing can be done about.
  var isHopeless: Bool { closers.count == Self.closersMax && closers.allSatisfy(\.isKilled) && isClogged }

  func dispose(_ numbers: [Int32]) {
    guard !numbers.isEmpty else { return }
    waiting += numbers
    start()
  }

  private func start() {
    let wasClogged = isClogged
    while !waiting.isEmpty, closers.count < Self.closersMax {
      let numbers = Array(waiting.prefix(Closer.numbersMax))
      let running = Running(numbers)
      do throws(Errno) {
        let closer = try Closer(closing: numbers)
        waiting.removeFirst(numbers.count)
        running.token = try? loop.add(closer.descriptor, for: .readable) { [weak self, weak running] _ in
          if let self, let running { ended(running) }
        }
        running.closer = consume closer
        closers.append(running)
      } catch { break }  // No process can be had now: soon.
    }
    if !waiting.isEmpty { lookAgain() }
    if wasClogged, !isClogged { onRoom?() }
  }

  private func ended(_ running: Running) {
    guard let closer = running.closer.take() else { return }
    if let token = running.token { loop.remove(token, closer.descriptor) }
    waiting += running.numbers.dropFirst(closer.finish())
    closers.removeAll { $0 === running }
    start()
    if waiting.isEmpty, closers.isEmpty { alarm = nil }
  }

  /// While something waits, those that take too long are made an end of.
  private func lookAgain() {
    if alarm == nil {
      let made = Alarm(loop: loop)
      made.onDue = { [weak self] in self?.look() }
      alarm = made
    }
    alarm?.set(to: MonotonicClock.now() + Self.patience.nanoseconds)
  }

  private func look() {
    let now = MonotonicClock.now()
    for running in closers where now - running.beganAt >= Self.patience.nanoseconds {
      switch running.closer {
      case .some(let closer): closer.kill()
      case .none: break
      }
      running.isKilled = true
    }
    start()
    if isHopeless { onRoom?() }
  }
}

/// A file that somebody else has made, of which we have a descriptor for a moment.
struct ForeignFile: ~Copyable {
  let descriptor: OwnedFD
  private let disposal: Disposal

  init(_ descriptor: consuming OwnedFD, _ disposal: Disposal) {
    self.descriptor = descriptor
    self.disposal = disposal
  }

  deinit { disposal.dispose([descriptor.release()]) }
}
