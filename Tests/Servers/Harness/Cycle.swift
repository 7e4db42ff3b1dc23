import Glibc
import Testing

extension TorporProcess {
  /// One whole life of the service: a client wakes it and is answered, and then it rests and is really gone.
  @discardableResult
  func wakeAndRest(
    _ endpoint: Endpoint, _ exchange: Exchange = .ping, within limit: Duration = .seconds(10)
  ) throws -> (serving: TorporEvent, rested: TorporEvent) {
    try Client.ask(endpoint, exchange, within: limit)
    let serving = try waitFor(.serving, within: limit)
    let rested = try waitFor(.rested, within: limit)
    try requireNothingRuns()
    return (serving, rested)
  }

  /// No process of the service exists: neither one that was heard of nor any other below torpor.
  func requireNothingRuns() throws {
    let heardOf = events.filter { $0.event == .serving || $0.event == .background }.compactMap(\.pid)
    for pid in heardOf { try #require(ProcessTable.isGone(pid), "process \(pid) of the service is still there") }
    // Torpor's own helpers, as those that close what others passed to it, end by themselves.
    let program = ProcessTable.program(pid)
    let running = ProcessTable.descendants(of: pid).filter {
      (program == nil || ProcessTable.program($0.pid) != program) && $0.isAlive
    }
    try #require(running.isEmpty, "\(running.map { "\($0.pid) (\(ProcessTable.name($0.pid) ?? "gone"))" })")
    // What has ended may still be news to torpor.
    let deadline = Deadline(after: .seconds(1))
    while !ProcessTable.descendants(of: pid).isEmpty {
      try #require(!deadline.hasPassed, "torpor hasn't reaped what has ended")
      usleep(1000)
    }
  }
}
