import Foundation
import Glibc
import Lifecycle
import Linux
import Testing

@testable import Torpor

/// One end of a connection, to be kept, filled and closed by a test.
final class RelayedConnection {
  var socket: UnixSocket?
  init(_ socket: consuming UnixSocket? = nil) { self.socket = socket }

  var isOpen: Bool {
    switch socket {
    case .some: true
    case .none: false
    }
  }

  func setNonBlocking() throws { try socket?.descriptor.setNonBlocking(true) }
  /// As much as goes in now. Returns how much that was.
  func fill() -> Int {
    var sent = 0
    while let count = try? socket?.descriptor.write([UInt8](repeating: 7, count: 4096)) { sent += count }
    return sent
  }
  func close() { socket = nil }
}

/// A held path in a loop of its own, and who connects to it.
final class UnixRelayScene {
  let directory = NSTemporaryDirectory() + "torpor-" + UUID().uuidString.prefix(8)
  let loop: EventLoop
  private let allRelays: ServiceRelays
  var relays: UnixRelays { allRelays.unix }
  let held: HeldUnixSocket
  var warnings: [String] = []

  init() throws {
    mkdir(directory, 0o755)
    loop = try EventLoop()
    allRelays = ServiceRelays(loop: loop, reachTimeout: nil)
    let address = try #require(UnixAddress(path: directory + "/x.sock"))
    held = try HeldUnixSocket(
      address, type: .stream, index: 0, nameIndex: 0, access: SocketAccess(), relays: allRelays, loop: loop)
    relays.onWarning = { [unowned self] in warnings.append($0) }
  }

  deinit {
    held.release()
    try? FileManager.default.removeItem(atPath: directory)
  }

  /// Lets the loop run until `isDone` holds, which is asked every 2 ms, for three seconds at most.
  func run(until isDone: @escaping () -> Bool) throws {
    let end = MonotonicClock.now() + 3_000_000_000
    var timer = try Timer()
    try timer.set(to: MonotonicClock.now())
    var isOver = false
    let token = try loop.add(timer.descriptor, for: .readable) { [loop] _ in
      timer.acknowledge()
      isOver = isDone()
      if isOver || MonotonicClock.now() > end { return loop.stop() }
      try? timer.set(to: MonotonicClock.now() + 2_000_000)
    }
    try loop.run()
    loop.remove(token, timer.descriptor)
    #expect(isOver)
  }

  /// Lets the loop run for so long.
  func run(for duration: Duration) throws {
    let end = MonotonicClock.now() + duration.nanoseconds
    try run { MonotonicClock.now() >= end }
  }

  /// It isn't called again and again for what nobody can do anything about.
  func requireQuiet() throws {
    let before = cpuNanoseconds()
    try run(for: .milliseconds(500))
    #expect(cpuNanoseconds() - before < 50_000_000)
  }

  /// Who has connected is relayed; the service's side of it.
  func relayed() throws -> RelayedConnection {
    try steer()
    _ = try held.swap(migrates: false)
    let service = RelayedConnection()
    try run {
      service.socket = self.accepted()
      return service.isOpen
    }
    try service.setNonBlocking()
    return service
  }

  func client() throws -> UnixSocket {
    let client = try UnixSocket(.stream)
    try client.connect(to: held.address)
    return client
  }

  /// Who has come to the current socket.
  func accepted() -> UnixSocket? {
    try? held.group.current.descriptor.setNonBlocking(true)
    return try? held.group.current.accept()
  }

  func steer() throws {
    try held.openNext()
    try held.steerToNext()
  }
}

/// Spent by this thread so far.
private func cpuNanoseconds() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
