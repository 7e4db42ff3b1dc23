/// What is yet to happen, in the order of virtual time; what happens at the same moment keeps the order it was entered in, so
/// that a seed has one schedule.
struct Agenda {
  private struct Entry {
    let time: UInt64
    let number: UInt64
    let happening: Happening

    func precedes(_ other: Entry) -> Bool { time != other.time ? time < other.time : number < other.number }
  }

  /// A binary heap.
  private var entries: [Entry] = []
  private(set) var lastNumber: UInt64 = 0

  mutating func add(_ happening: Happening, at time: UInt64) {
    lastNumber += 1
    let entry = Entry(time: time, number: lastNumber, happening: happening)
    entries.append(entry)
    var child = entries.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard entry.precedes(entries[parent]) else { break }
      entries[child] = entries[parent]
      child = parent
    }
    entries[child] = entry
  }

  mutating func next() -> (time: UInt64, number: UInt64, happening: Happening)? {
    guard let first = entries.first, let last = entries.popLast() else { return nil }
    let count = entries.count
    guard count > 0 else { return (first.time, first.number, first.happening) }
    var parent = 0
    while true {
      var child = 2 * parent + 1
      guard child < count else { break }
      if child + 1 < count, entries[child + 1].precedes(entries[child]) { child += 1 }
      guard entries[child].precedes(last) else { break }
      entries[parent] = entries[child]
      parent = child
    }
    entries[parent] = last
    return (first.time, first.number, first.happening)
  }
}
