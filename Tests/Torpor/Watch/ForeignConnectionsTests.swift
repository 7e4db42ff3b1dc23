import Foundation
import Glibc
import Testing

@testable import Linux
@testable import Torpor

/// Looking through descriptors for connections that no dump shows. Our own connections stand for them: nothing is known.
@Suite struct ForeignConnectionsTests {
  private final class Scene {
    let loop: EventLoop
    let path = NSTemporaryDirectory() + "torpor-" + UUID().uuidString.prefix(8)
    let address: UnixAddress
    private let listener: UnixSocket
    private var kept: [UnixSocketBox] = []

    init() throws {
      loop = try EventLoop()
      address = try #require(UnixAddress(path: path))
      listener = try UnixSocket(.stream)
      try listener.bind(to: address)
      try listener.listen(backlog: 64)
    }

    deinit { unlink(path) }

    func connect() throws {
      let client = try UnixSocket(.stream)
      try client.connect(to: address)
      kept.append(UnixSocketBox(client))
      let accepted = UnixSocketBox(try listener.accept())
      #expect(!accepted.isEmpty)
      kept.append(accepted)
    }

    func count(_ limits: ForeignConnections.Limits, turnsMax: Int = 10_000) throws -> ForeignConnections.Outcome? {
      let foreign = ForeignConnections(loop: loop, limits: limits)
      var outcome: ForeignConnections.Outcome?
      foreign.count(of: [getpid()], known: [], names: [address]) { outcome = $0 }
      turns = 0
      while outcome == nil, turns < turnsMax {
        try loop.turn(isPolling: true)
        turns += 1
      }
      return outcome
    }
    private(set) var turns = 0
  }

  private final class UnixSocketBox {
    private let socket: UnixSocket?
    init(_ socket: consuming UnixSocket?) { self.socket = socket }
    var isEmpty: Bool { socket == nil }
  }

  @Test func acceptedConnectionsAreFoundAtOnceWhereThereIsLittleToLookThrough() throws {
    let scene = try Scene()
    for _ in 0..<3 { try scene.connect() }
    #expect(try scene.count(ForeignConnections.Limits(slice: .seconds(2))) == .found(3))
    #expect(scene.turns == 0)
  }

  @Test func theLoopGoesOnBetweenThePiecesOfALongWalk() throws {
    let scene = try Scene()
    for _ in 0..<3 { try scene.connect() }
    #expect(try scene.count(ForeignConnections.Limits(slice: .zero)) == .found(3))
    #expect(scene.turns > 3)
  }

  @Test func whatIsNotFinishedInTimeShowsNothing() throws {
    let scene = try Scene()
    #expect(try scene.count(ForeignConnections.Limits(whole: .zero)) == .unfinished)
    #expect(try scene.count(ForeignConnections.Limits(descriptors: 2)) == .unfinished)
  }

  @Test func whoAsksAnewOvertakesWhoAskedBefore() throws {
    let scene = try Scene()
    try scene.connect()
    let foreign = ForeignConnections(loop: scene.loop, limits: ForeignConnections.Limits(slice: .zero))
    var outcomes: [ForeignConnections.Outcome] = []
    for _ in 0..<2 {
      foreign.count(of: [getpid()], known: [], names: [scene.address]) { outcomes.append($0) }
    }
    #expect(outcomes == [.overtaken])
    for _ in 0..<10_000 where outcomes.count < 2 { try scene.loop.turn(isPolling: true) }
    #expect(outcomes == [.overtaken, .found(1)])
  }
}
