import Testing

@testable import Linux

/// Datagrams as a 6.18 kernel sent them: port 39477, one connection queued (53310) and one accepted (53296), by a listener
/// with IP_MULTICAST_LOOP off.
private let dump = bytes(
  """
  7c0000001400020007000000d17a0000020100009a35d03e7f0000010000000000000000000000007f000001000000000000000000000000
  000000002c7e0500000000000000000000000000000000000000000000000000050008000000000008000f00000000000c00150001000000
  00000000060016004200000\
  07c0000001400020007000000d17a0000020100009a35d0307f0000010000000000000000000000007f000001000000000000000000000000
  000000002d7e05000000000000000000000000000000000000000000321b0b00050008000000000008000f00000000000c00150001000000
  000000000600160042000000
  """)
private let done = bytes("140000000300020007000000d17a000000000000")

private func bytes(_ hex: String) -> [UInt8] {
  let digits = hex.filter { !$0.isWhitespace }.compactMap(\.hexDigitValue)
  return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

private func parse(_ bytes: [UInt8], sequence: UInt32? = 7) throws(SockDiagError) -> ([TCPConnection], Bool) {
  var found: [TCPConnection] = []
  let isDone = try SockDiagMessage.parse(bytes.span.bytes, sequence: sequence, into: &found)
  return (found, isDone)
}

@Suite struct SockDiagMessageTests {
  @Test func acceptedAndQueuedConnectionsAreToldApartByInode() throws {
    let (found, isDone) = try parse(dump)
    #expect(!isDone)
    #expect(found.count == 2)
    #expect(found.map(\.state) == [.established, .established])
    #expect(found.map(\.inode) == [0, 727858])
    #expect(found.map(\.cookie) == [0x57e2c, 0x57e2d])
    #expect(found.map(\.local.description) == ["127.0.0.1:39477", "127.0.0.1:39477"])
    #expect(found.map(\.remote.description) == ["127.0.0.1:53310", "127.0.0.1:53296"])
    // IP_MULTICAST_LOOP off, IP_MULTICAST_ALL on.
    #expect(found.map(\.generationMark) == [2, 2])
  }

  @Test func aDumpEndsWithItsOwnDoneMessage() throws {
    #expect(try parse(done).1)
    #expect(try !parse(done, sequence: 8).1)
  }

  @Test func answersToAnotherQuestionDoNotCount() throws {
    #expect(try parse(dump, sequence: 8).0.isEmpty)
    #expect(try parse(dump, sequence: nil).0.count == 2)
  }

  @Test func aKernelErrorIsThrown() {
    // NLMSG_ERROR with -ENOENT.
    let error = bytes("240000000200000007000000d17a0000feffffff14000000140001030700000000000000")
    #expect(throws: SockDiagError.kernel(.noEntry)) { try parse(error) }
  }

  @Test func aDumpThatEndsWithAnErrorIsNoEmptyOne() {
    // NLMSG_DONE with -ENOENT, as a 6.18 kernel ends a dump of a protocol whose diagnostics it doesn't have (DCCP).
    let end = bytes("140000000300020007000000d17a0000feffffff")
    #expect(throws: SockDiagError.kernel(.noEntry)) { try parse(end) }
    var entries: [UnixDiag.Entry] = []
    #expect(throws: SockDiagError.kernel(.noEntry)) {
      try UnixDiagMessage.parse(end.span.bytes, sequence: 7, into: &entries)
    }
  }

  @Test func anErrorThatIsNoneIsThrownToo() {
    let error = bytes("240000000200000007000000d17a000000000080" + "14000000140001030700000000000000")
    #expect(throws: SockDiagError.kernel(Errno(.max))) { try parse(error) }
  }

  @Test func everyTruncatedDatagramIsRefusedOrShorter() {
    // No prefix may crash, and none may yield a connection that isn't wholly there.
    for count in 0..<dump.count {
      let found = try? parse(Array(dump.prefix(count)))
      #expect((found?.0.count ?? 0) <= count / 124)
    }
  }

  @Test func lengthsThatLieAreRefused() {
    for length in [0, 1, 15, 17, 87, 200, 65535, UInt32.max] {
      var lying = dump
      withUnsafeBytes(of: length) { lying.replaceSubrange(0..<4, with: $0) }
      #expect(throws: SockDiagError.malformed) { try parse(lying) }
    }
    var attribute = dump
    attribute.replaceSubrange(88..<90, with: [3, 0])
    #expect(throws: SockDiagError.malformed) { try parse(attribute) }
  }

  @Test func aRequestIsLaidOutAsTheKernelReadsIt() {
    let request = SockDiagRequest(
      family: .v4, conditions: [.port(39477)], states: SockDiagRequest.connected, sequence: 7)
    #expect(
      request.bytes
        == bytes("480000001400010307000000000000000206" + "00003e1b0000" + "9a35" + String(repeating: "00", count: 46)))
  }

  @Test func anAddressIsAConditionOfItsOwn() {
    let address = SocketAddress.loopback(.v4, port: 39477)
    let request = SockDiagRequest(
      family: .v4, conditions: [.address(address)], states: SockDiagRequest.listening, sequence: 7)
    #expect(
      request.bytes
        == bytes(
          "5c0000001400010307000000000000000206" + "000000040000" + String(repeating: "00", count: 48) + "14000100"
            + "07101400" + "02200000" + "359a0000" + "7f000001"))
  }
}
