import Glibc
import Lifecycle
import Linux
import Testing

@testable import Torpor

/// Some held addresses in one loop, their senses, and clients.
final class WatchScene {
  let loop: EventLoop
  let tables: SocketTables
  private let relays: ServiceRelays
  private(set) var held: [HeldTCPSocket] = []
  private(set) var senses: [ConnectionSense] = []
  var clients: [Kept] = []

  init(services: Int, at wanted: SocketAddress = .loopback(.v4, port: 0)) throws {
    loop = try EventLoop()
    tables = SocketTables(loop: loop)
    relays = ServiceRelays(loop: loop, reachTimeout: nil)
    for index in 0..<services {
      let free = try TCPSocket(wanted.family)
      try free.bind(to: wanted)
      var named = wanted
      named.port = try free.localAddress().port
      let address = ListenAddress.Socket(address: named, isIPv6Only: false, isOptional: false)
      let socket = try Self.hold(consume free, address, index: index, relays: relays, loop: loop)
      held.append(socket)
      senses.append(ConnectionSense(tables: tables) { [socket] })
    }
  }

  private static func hold(
    _ free: consuming TCPSocket, _ address: ListenAddress.Socket, index: Int, relays: ServiceRelays, loop: EventLoop
  ) throws -> HeldTCPSocket {
    // Closed only now, so that no two services get the same.
    _ = consume free
    return try HeldTCPSocket(address, index: index, nameIndex: index, relays: relays, loop: loop)
  }

  func look(_ index: Int, isUrgent: Bool = false, _ isDone: @escaping (Sample) -> Void) {
    var question = SocketTables.Question()
    let sense = senses[index]
    sense.prepare(&question)
    tables.ask(question, isUrgent: isUrgent) { answer in
      guard let table = try? answer.get() else { return }
      isDone(sense.sample(table, at: Instant(nanoseconds: MonotonicClock.now())))
    }
  }

  func connected(to index: Int) throws -> TCPSocket {
    let client = try TCPSocket(held[index].address.family)
    _ = try client.connect(to: held[index].address)
    let isConnected = client.descriptor.isWritable(withinMilliseconds: 2000) && client.pendingError() == nil
    #expect(isConnected)
    return client
  }

  func accept(_ index: Int) throws -> TCPSocket? {
    try held[index].group.current.descriptor.setNonBlocking(true)
    return try held[index].group.current.accept()
  }

  func openAndClose(_ index: Int) throws {
    let client = try connected(to: index)
    let accepted = Kept(try accept(index))
    #expect(!accepted.isEmpty)
    withExtendedLifetime(accepted) { _ = client.descriptor.number }
  }

  /// Lets the loop run until `isDone` holds, which is asked every 2 ms, from 20 ms on and for three seconds at most.
  func run(until isDone: @escaping () -> Bool) throws {
    // A loop that was stopped stays so: the turns are driven by hand.
    let end = MonotonicClock.now() + 3_000_000_000
    let begin = MonotonicClock.now() + 20_000_000
    var isOver = false
    while !isOver, MonotonicClock.now() < end {
      try loop.turn(isPolling: true)
      usleep(1000)
      isOver = MonotonicClock.now() > begin && isDone()
    }
    #expect(isOver)
  }
}

/// A socket that stays open.
final class Kept {
  private let socket: TCPSocket?
  init(_ socket: consuming TCPSocket?) { self.socket = socket }

  var isEmpty: Bool { socket == nil }
}
