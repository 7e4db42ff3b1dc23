import Linux

/// A moment at which the loop calls back, once. All alarms of a loop share one timer; not set, it costs nothing.
final class Alarm {
  private let loop: EventLoop
  /// In nanoseconds of `MonotonicClock`; nil: not set.
  fileprivate(set) var due: UInt64?
  /// Where it is among those that are set.
  fileprivate var position = 0
  var onDue: (() -> Void)?

  init(loop: EventLoop) { self.loop = loop }

  /// In nanoseconds of `MonotonicClock`; nil: not at all.
  func set(to moment: UInt64?) {
    guard moment != due else { return }
    loop.alarms.change(self, to: moment)
  }

  deinit { if due != nil { loop.alarms.change(self, to: nil) } }
}

/// The alarms of a loop that are set, the earliest first: a binary heap, and the timer that is set to its top. It keeps none of
/// them: each takes itself out when it goes.
@safe final class Alarms {
  private var timer: Timer
  private var heap = unsafe [Unmanaged<Alarm>]()
  /// While some are called: the moment by which these are due.
  private var ringsUntil: UInt64?

  init() throws(Errno) { timer = try Timer() }

  func withDescriptor(_ body: (borrowing OwnedFD) throws(Errno) -> Void) throws(Errno) { try body(timer.descriptor) }

  /// The timer's descriptor is readable: calls those that are due.
  func ring() {
    timer.acknowledge()
    let now = MonotonicClock.now()
    ringsUntil = now
    // Each of them once, as none becomes due meanwhile (`change`).
    while let first = top, let moment = first.due, moment <= now {
      remove(first)
      first.onDue?()
    }
    ringsUntil = nil
    setTimer()
  }

  fileprivate func change(_ alarm: Alarm, to moment: UInt64?) {
    if alarm.due != nil { remove(alarm) }
    // One that is set for the past while others ring comes after these, in the next turn: it would be the first again and again.
    if let moment { insert(alarm, at: max(moment, ringsUntil.map { $0 + 1 } ?? 0)) }
    setTimer()
  }

  private var top: Alarm? {
    guard let first = unsafe heap.first else { return nil }
    return unsafe first.takeUnretainedValue()
  }

  private func setTimer() {
    // Setting a timer can't fail with a valid time.
    try? timer.set(to: top?.due)
  }

  private func insert(_ alarm: Alarm, at moment: UInt64) {
    alarm.due = moment
    unsafe heap.append(Unmanaged.passUnretained(alarm))
    unsafe place(heap.count - 1)
    unsafe rise(from: heap.count - 1)
  }

  private func remove(_ alarm: Alarm) {
    let position = alarm.position
    unsafe heap.swapAt(position, heap.count - 1)
    unsafe heap.removeLast()
    alarm.due = nil
    guard unsafe position < heap.count else { return }
    place(position)
    sink(from: position)
    rise(from: position)
  }

  private func moment(_ position: Int) -> UInt64 { unsafe heap[position].takeUnretainedValue().due ?? 0 }
  private func place(_ position: Int) { unsafe heap[position].takeUnretainedValue().position = position }

  private func rise(from start: Int) {
    var position = start
    while position > 0, moment(position) < moment((position - 1) / 2) {
      exchange(position, (position - 1) / 2)
      position = (position - 1) / 2
    }
  }

  private func sink(from start: Int) {
    var position = start
    while true {
      var least = position
      for child in [2 * position + 1, 2 * position + 2] where unsafe child < heap.count {
        if moment(child) < moment(least) { least = child }
      }
      if least == position { return }
      exchange(position, least)
      position = least
    }
  }

  private func exchange(_ one: Int, _ other: Int) {
    unsafe heap.swapAt(one, other)
    place(one)
    place(other)
  }
}

extension Duration {
  /// For sums on the monotonic clock; zero for a negative one.
  var nanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    return UInt64(min(seconds, 9_000_000_000)) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
  }
}
