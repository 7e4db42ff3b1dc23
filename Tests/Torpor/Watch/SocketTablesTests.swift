import Glibc
import Lifecycle
import Linux
import Testing

@testable import Torpor

/// On the real kernel: what several services see by the same tables.
@Suite(.serialized) struct SocketTablesTests {
  @Test func theQuestionsOfOneTurnAreAnsweredByOneDump() throws {
    let scene = try WatchScene(services: 3)
    let client = try scene.connected(to: 1)
    var samples: [Int: Sample] = [:]
    for index in 0..<3 { scene.look(index) { samples[index] = $0 } }
    try scene.run { samples.count == 3 }
    #expect(scene.tables.dumpCount == 1)
    #expect(samples.mapValues(\.queuedOnCurrent.count) == [0: 0, 1: 1, 2: 0])
    _ = client.descriptor.number
  }

  /// The first of this machine, with its interface; nil: it has none.
  private static let linkLocal: SocketAddress? = {
    let table = ProcessFiles.contents(of: "/proc/net/if_inet6") ?? ""
    for line in table.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard fields.count == 6, fields[0].hasPrefix("fe80") else { continue }
      let groups = stride(from: 0, to: 32, by: 4).map { fields[0].dropFirst($0).prefix(4) }
      return SocketAddress(text: groups.joined(separator: ":") + "%\(fields[5])", port: 0)
    }
    return nil
  }()

  @Test(.enabled(if: SocketTablesTests.linkLocal != nil, "no interface has a link-local address"))
  func clientsOfALinkLocalAddressAreSeen() throws {
    let scene = try WatchScene(services: 1, at: try #require(Self.linkLocal))
    let sense = scene.senses[0]
    let client = try scene.connected(to: 0)
    var samples: [Sample] = []
    scene.look(0) { samples.append($0) }
    try scene.run { samples.count == 1 }
    let accepted = Kept(try scene.accept(0))
    scene.look(0) { samples.append($0) }
    try scene.run { samples.count == 2 }
    #expect(samples.map(\.queuedOnCurrent.count) == [1, 0])
    #expect(samples.map(\.accepted) == [0, 1])
    // It isn't taken for a stranger's, beside which there is no rest.
    #expect(try sense.listenerCount(scene.held[0].address) == 1)
    withExtendedLifetime(accepted) { _ = client.descriptor.number }
  }

  @Test func aDumpIsBegunAfterEveryQuestionThatItAnswers() throws {
    let scene = try WatchScene(services: 2)
    var samples: [Int: Sample] = [:]
    scene.look(0) { samples[0] = $0 }
    scene.look(1) { samples[1] = $0 }
    // Asked before, seen nonetheless.
    let client = try scene.connected(to: 0)
    try scene.run { samples.count == 2 }
    #expect(samples[0]?.queuedOnCurrent.count == 1)
    // A question that is asked when another is answered isn't answered by the same dump.
    var inner: Sample?
    scene.look(1) { _ in
      let late = try? scene.connected(to: 1)
      scene.look(1) { inner = $0 }
      scene.clients.append(Kept(late))
    }
    try scene.run { inner != nil }
    #expect(inner?.queuedOnCurrent.count == 1)
    _ = client.descriptor.number
  }

  @Test func aShortConnectionIsHeardOfByItsServiceAlone() throws {
    let scene = try WatchScene(services: 2)
    for sense in scene.senses { sense.recordCloses() }
    var told = [0, 0]
    for (index, sense) in scene.senses.enumerated() {
      sense.onClose = { told[index] += 1 }
      sense.watchCloses()
    }
    try scene.openAndClose(0)
    try scene.run { told[0] == 1 }
    #expect(told == [1, 0])
    // It was told, and is not in the next look.
    var sample: Sample?
    scene.look(0) { sample = $0 }
    try scene.run { sample != nil }
    #expect(sample?.hasClosed == false)
  }

  @Test func closesBetweenTwoLooksAreOneWakeup() throws {
    let scene = try WatchScene(services: 2)
    for sense in scene.senses { sense.recordCloses() }
    for _ in 0..<300 { try scene.openAndClose(0) }
    var samples: [Int: Sample] = [:]
    try scene.run { true }
    for index in 0..<2 { scene.look(index) { samples[index] = $0 } }
    try scene.run { samples.count == 2 }
    #expect(samples.mapValues(\.hasClosed) == [0: true, 1: false])
    // From here on the first is heard of again.
    try scene.openAndClose(0)
    samples = [:]
    try scene.run { true }
    scene.look(0) { samples[0] = $0 }
    try scene.run { samples.count == 1 }
    #expect(samples[0]?.hasClosed == true)
  }

  @Test func aConnectionThatWasOpenAndIsGoneHasClosed() throws {
    let scene = try WatchScene(services: 1)
    scene.senses[0].recordCloses()
    var client: TCPSocket? = try scene.connected(to: 0)
    var accepted = try scene.accept(0)
    var sample: Sample?
    scene.look(0) { sample = $0 }
    try scene.run { sample != nil }
    #expect(sample?.accepted == 1)
    client = nil
    accepted = nil
    sample = nil
    scene.look(0) { sample = $0 }
    try scene.run { sample != nil }
    #expect(sample?.accepted == 0)
    #expect(sample?.hasClosed == true)
    // That it was destroyed may be announced a moment later; from there on it is over.
    for _ in 0..<2 {
      sample = nil
      scene.look(0) { sample = $0 }
      try scene.run { sample != nil }
    }
    #expect(sample?.hasClosed == false)
    let rest = (client == nil, accepted == nil)
    #expect(rest == (true, true))
  }

  @Test func whoHasMuchToDoWithItsAnswerKeepsNobodyElseWaiting() throws {
    let scene = try WatchScene(services: 8)
    var answered: [Int] = []
    for index in 0..<8 {
      scene.look(index) { _ in
        answered.append(index)
        usleep(3000)
      }
    }
    try scene.loop.turn(isPolling: true)
    #expect((1...2).contains(answered.count))
    // One that can't wait is answered meanwhile, and one that asks now by another dump, after the others.
    scene.look(0, isUrgent: true) { _ in answered.append(100) }
    #expect(answered.last == 100)
    scene.look(0) { _ in answered.append(200) }
    let dumps = scene.tables.dumpCount
    try scene.run { answered.count == 10 }
    #expect(answered.filter { $0 < 100 } == Array(0..<8))
    #expect(answered.last == 200)
    #expect(scene.tables.dumpCount == dumps + 1)
  }

  @Test func nothingIsOpenedBeforeSomebodyAsks() throws {
    let loop = try EventLoop()
    let before = try descriptorCount()
    let tables = SocketTables(loop: loop)
    #expect(try descriptorCount() == before)
    _ = tables.dumpCount
  }

  private func descriptorCount() throws -> Int { ProcessFiles.names(in: "/proc/self/fd").count }
}
