/// What is yet to happen, in the order of virtual time; what happens at the same moment keeps the order it was entered in, so
/// that a seed has one schedule.
struct Agenda {
  /// Small, as the heap moves it about: what happens stays in its place.
  private struct Entry {
    let time: UInt64
    let number: UInt64
    let place: Int

    func precedes(_ other: Entry) -> Bool { time != other.time ? time < other.time : number < other.number }
  }

  /// A binary heap.
  private var entries: [Entry] = []
  private var happenings: [Happening?] = []
  private var freePlaces: [Int] = []
  private(set) var lastNumber: UInt64 = 0

  mutating func add(_ happening: Happening, at time: UInt64) {
    lastNumber += 1
    let place = freePlaces.popLast() ?? happenings.count
    if place == happenings.count { happenings.append(happening) } else { happenings[place] = happening }
    let entry = Entry(time: time, number: lastNumber, place: place)
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
    guard let first = entries.first, let last = entries.popLast(), let happening = happenings[first.place].take() else {
      return nil
    }
    freePlaces.append(first.place)
    let count = entries.count
    guard count > 0 else { return (first.time, first.number, happening) }
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
    return (first.time, first.number, happening)
  }
}
