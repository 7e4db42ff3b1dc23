import Glibc
import Testing

@testable import Linux

/// On the real kernel: who gets a connection, and what becomes of those that wait.
@Suite(.serialized) struct ReuseportGroupTests {
  private func held() throws -> ReuseportGroup {
    // Port 0 would be chosen anew by the probe: a port that was just free is asked for.
    try ReuseportGroup(.loopback(.v4, port: try freePort()), isIPv6Only: false)
  }

  private func freePort() throws -> UInt16 {
    let socket = try TCPSocket(.v4)
    try socket.bind(to: .loopback(.v4, port: 0))
    return try socket.localAddress().port
  }

  private func connected(to group: borrowing ReuseportGroup) throws -> TCPSocket {
    let client = try TCPSocket(.v4)
    _ = try client.connect(to: group.address)
    let isConnected = client.descriptor.isWritable(withinMilliseconds: 2000) && client.pendingError() == nil
    #expect(isConnected)
    return client
  }

  private func expectQueue(
    _ group: borrowing ReuseportGroup, current: Int, next: Int? = nil, _ location: SourceLocation = #_sourceLocation
  ) {
    let lengths = (group.current.acceptQueueLength(), group.nextAcceptQueueLength())
    #expect(lengths.0 == current, sourceLocation: location)
    if let next { #expect(lengths.1 == next, sourceLocation: location) }
  }

  @Test func everyConnectionGoesWhereItIsSteered() throws {
    var group = try held()
    let first = try connected(to: group)
    try group.openNext()
    let second = try connected(to: group)
    expectQueue(group, current: 2)
    try group.steerToNext()
    let third = try connected(to: group)
    expectQueue(group, current: 2, next: 1)
    try group.steerToCurrent()
    let fourth = try connected(to: group)
    expectQueue(group, current: 3)
    _ = (first.descriptor.number, second.descriptor.number, third.descriptor.number, fourth.descriptor.number)
  }

  @Test func whatWaitsOnTheNextSocketMovesWhenItCloses() throws {
    guard MigrationSetting.enable() else { return }
    var group = try held()
    try group.openNext()
    try group.steerToNext()
    let client = try connected(to: group)
    try group.steerToCurrent()
    let moved = try group.closeNext()
    #expect(moved == 1)
    expectQueue(group, current: 1)
    let later = try connected(to: group)
    expectQueue(group, current: 2)
    _ = (client.descriptor.number, later.descriptor.number)
  }

  @Test func afterASwapTheNextSocketIsTheOnlyOne() throws {
    var group = try held()
    let mark = group.currentMark
    try group.openNext()
    try group.steerToNext()
    let client = try connected(to: group)
    let left = try group.swap()
    #expect(left == 0)
    expectQueue(group, current: 1)
    let newMark = group.currentMark
    #expect(newMark != mark)
    let later = try connected(to: group)
    expectQueue(group, current: 2)
    _ = (client.descriptor.number, later.descriptor.number)
  }

  @Test func aSocketThatWasShutDownListensAgainAndIsSteeredTo() throws {
    var group = try held()
    try group.openNext()
    try group.steerToNext()
    group.current.shutDown(Int32(SHUT_RDWR))
    let isListening = group.current.isListening
    #expect(!isListening)
    let toNext = try connected(to: group)
    expectQueue(group, current: 0, next: 1)
    try group.steerToCurrent()
    let toCurrent = try connected(to: group)
    expectQueue(group, current: 1)
    _ = try group.closeNext()
    let later = try connected(to: group)
    expectQueue(group, current: 3)
    _ = (toNext.descriptor.number, toCurrent.descriptor.number, later.descriptor.number)
  }

  @Test func anAddressThatSomebodyListensOnIsRefused() throws {
    let group = try held()
    let address = group.address
    #expect(throws: Errno.inUse) { _ = try ReuseportGroup(address, isIPv6Only: false) }
  }

  @Test func aConnectionCarriesItsListenersMarkBeforeItIsAccepted() throws {
    var group = try held()
    let client = try connected(to: group)
    try group.openNext()
    try group.steerToNext()
    let other = try connected(to: group)
    var diag = try SockDiag()
    let marks = try diag.connections(.v4, localPort: group.address.port).map(\.generationMark)
    let expected: Set<UInt8?> = [group.currentMark, group.nextMark]
    #expect(Set(marks) == expected)
    _ = (client.descriptor.number, other.descriptor.number)
  }

  @Test(arguments: [1, 2, 64, 65]) func aDumpOfSomePortsShowsAllOfTheirs(portCount: Int) throws {
    let group = try held()
    let stranger = try held()
    let client = try connected(to: group)
    let other = try connected(to: stranger)
    // Ports that nobody has, before it and behind it.
    let unused = (0..<(portCount - 1)).map { UInt16($0 + 1) }
    var diag = try SockDiag()
    for ports in [unused + [group.address.port], [group.address.port] + unused] {
      let found = try diag.sockets(.v4, ports.map { .port($0) })
      #expect(found.count { $0.local == group.address } == 1)
      // More than can be named: everybody's.
      #expect(found.contains { $0.local == stranger.address } == (portCount > 64))
    }
    _ = (client.descriptor.number, other.descriptor.number)
  }

  @Test func trafficIsToldInBothDirections() throws {
    let group = try held()
    let client = try connected(to: group)
    try group.current.descriptor.setNonBlocking(true)
    var accepted = try group.current.accept()
    usleep(300_000)
    var diag = try SockDiag()
    func look() throws -> TCPConnection? {
      try diag.sockets(.v4, [.port(group.address.port)], includingTraffic: true).first
    }
    let before = try #require(try look()?.traffic)
    #expect(before.receivedAgo >= 280 && before.sentAgo >= 280)
    _ = try client.descriptor.write([1, 2, 3])
    let received = try #require(try look())
    #expect(received.unreadBytes == 3)
    #expect(try #require(received.traffic).receivedAgo < 100)
    #expect(try #require(received.traffic).sentAgo >= 280)
    _ = try accepted?.descriptor.write([1])
    #expect(try #require(try look()?.traffic).sentAgo < 100)
    #expect(try diag.connections(.v4, localPort: group.address.port).first?.traffic == nil)
    accepted = nil
  }

  @Test func aCloseIsAnnouncedOnItsPortOnly() throws {
    let group = try held()
    let port = group.address.port
    var closes = try DestroyedSockets()
    try closes.setLocalPorts([port])
    let stranger = try held()
    let elsewhere = try connected(to: stranger)
    elsewhere.shutDown(Int32(SHUT_RDWR))
    let client = try connected(to: group)
    let cookies = try {
      var diag = try SockDiag()
      return Set(try diag.connections(.v4, localPort: group.address.port).map(\.cookie))
    }()
    try group.current.descriptor.setNonBlocking(true)
    do {
      let accepted = try group.current.accept()?.descriptor.number
      #expect(accepted != nil)
    }
    _ = client.descriptor.number
    client.shutDown(Int32(SHUT_RDWR))
    var seen: Set<UInt64> = []
    for _ in 0..<200 where seen.isDisjoint(with: cookies) {
      let taken = closes.take()
      #expect(!taken.wasLossy)
      let isOurs = taken.closed.allSatisfy { $0.local.port == port }
      #expect(isOurs)
      seen.formUnion(taken.closed.map(\.cookie))
      usleep(5000)
    }
    #expect(!seen.isDisjoint(with: cookies))
  }
}
