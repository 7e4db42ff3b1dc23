import Testing

@testable import Linux

@Suite struct SocketAddressTests {
  @Test func addressesAreWrittenAsPeopleReadThem() {
    #expect(SocketAddress(text: "127.0.0.1", port: 6379)?.description == "127.0.0.1:6379")
    #expect(SocketAddress(text: "::1", port: 80)?.description == "[::1]:80")
    #expect(SocketAddress(text: "::ffff:10.1.2.3", port: 80)?.mapped?.description == "10.1.2.3:80")
    #expect(SocketAddress(text: "::1", port: 80)?.mapped == nil)
  }

  @Test func onlyAnInterfacesOwnAddressesHaveOne() {
    #expect(SocketAddress(text: "fe80::1%1", port: 80)?.scope == 1)
    #expect(SocketAddress(text: "ff02::fb%1", port: 80)?.scope == 1)
    // The kernel ignores it here, and names none in what it tells of this socket.
    #expect(SocketAddress(text: "::1%1", port: 80) == .loopback(.v6, port: 80))
  }

  @Test func whatIsNoNumericAddressIsNone() {
    for text in ["", "localhost", "1.2.3", "1.2.3.4.5", "256.1.1.1", "::g", "127.0.0.1%lo", "fe80::1%nosuch0"] {
      #expect(SocketAddress(text: text, port: 1) == nil)
    }
  }

  @Test func aProcessesOwnLayoutIsRead() {
    let v4: [UInt8] = [2, 0, 0x18, 0xeb, 127, 0, 0, 1] + [UInt8](repeating: 0, count: 8)
    #expect(SocketAddress(sockaddr: v4)?.description == "127.0.0.1:6379")
    let v6: [UInt8] = [10, 0, 0, 80, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 15) + [1]
    #expect(SocketAddress(sockaddr: v6)?.description == "[::1]:80")
  }

  @Test func layoutsThatAreShortOrForeignAreNone() {
    for bytes: [UInt8] in [
      [], [2], [2, 0], [2, 0, 0, 80], [1, 0] + Array("/run/x".utf8), [10, 0] + .init(repeating: 0, count: 14),
    ] {
      #expect(SocketAddress(sockaddr: bytes) == nil)
    }
  }
}
