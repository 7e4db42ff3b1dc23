import Testing

@testable import Torpor

@Suite struct ListenAddressTests {
  private func sockets(_ text: String) throws -> [String] {
    try ListenAddress(text).sockets.map(\.address.description)
  }

  @Test func aPortMeansBothLoopbacks() throws {
    #expect(try sockets("8080") == ["127.0.0.1:8080", "[::1]:8080"])
    #expect(try ListenAddress("8080").sockets.map(\.isOptional) == [false, true])
  }

  @Test func anAddressMeansItself() throws {
    #expect(try sockets("127.0.0.1:8080") == ["127.0.0.1:8080"])
    #expect(try sockets("[::1]:8080") == ["[::1]:8080"])
    #expect(try sockets("0.0.0.0:80") == ["0.0.0.0:80"])
  }

  @Test func aStarMeansBothFamiliesByOneSocket() throws {
    let socket = try #require(try ListenAddress("*:8080").sockets.first)
    #expect(socket.address.description == "[::]:8080")
    #expect(!socket.isIPv6Only)
    #expect(socket.fallback?.description == "0.0.0.0:8080")
  }

  /// BindIPv6Only=ipv6-only: 0.0.0.0 and [::] side by side, as nginx has them.
  @Test(arguments: [("[::]:80", true), ("udp:[::]:53", true), ("0.0.0.0:80", false), ("udp:0.0.0.0:53", false)])
  func anIPv6SocketCanLeaveIPv4ToOthers(_ text: String, isIPv6: Bool) throws {
    var address = try ListenAddress(text)
    #expect(address.sockets.map(\.isIPv6Only) == [false])
    address.leaveIPv4ToOthers()
    #expect(address.sockets.map(\.isIPv6Only) == [isIPv6])
  }

  @Test(arguments: [
    "", ":", "nonsense", "0", "65536", "99999999999", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:x", "::1:80",
    "[::1]", "[::1]80", "[::1", "1.2.3.4.5:80", "localhost:80", "@", "unix:", "unix:x", "unix:@",
    "seqpacket:", "seqpacket:x", "dgram:@", "fifo:", "fifo:@x", "fifo:x", "/", "/run/", "/run/.",
    "/run/../x", "*", "*:x", "+80", "８０",
  ]) func whatIsNoAddressIsRefused(_ text: String) {
    #expect(throws: ListenAddress.Malformed.self) { try ListenAddress(text) }
  }

  @Test(arguments: ["/run/x.sock", "unix:/run/x.sock", "//run/./x.sock", "unix:/run//x.sock"])
  func aPathMeansAUnixSocket(_ text: String) throws {
    let address = try ListenAddress(text)
    #expect(address.names == ["/run/x.sock"])
    #expect(address.sockets.isEmpty)
  }

  @Test(arguments: [
    "@x", "seqpacket:/run/x", "seqpacket:@x", "dgram:/run/x", "dgram:@x", "fifo:/run/x",
  ])
  func aNameIsToldAsItIsWritten(_ text: String) throws {
    let address = try ListenAddress(text)
    #expect(address.names == [text])
    #expect(address.sockets.isEmpty)
  }

  @Test func anAbstractNameHasAllButOneByteOfASocketsName() throws {
    #expect(try ListenAddress("@" + String(repeating: "x", count: 107)).names.count == 1)
    #expect(throws: ListenAddress.Malformed.self) { try ListenAddress("@" + String(repeating: "x", count: 108)) }
  }

  @Test func aPathHasTheLengthOfASocketsName() throws {
    #expect(try ListenAddress("/" + String(repeating: "x", count: 106)).names.count == 1)
    #expect(throws: ListenAddress.Malformed.self) { try ListenAddress("/" + String(repeating: "x", count: 107)) }
    #expect(throws: ListenAddress.Malformed.self) { try ListenAddress("/run/x\0y") }
  }

  @Test func aNameMayStandBeforeAnAddress() throws {
    let named = try ListenAddress(naming: "web-1=127.0.0.1:8080")
    #expect(named.name == "web-1")
    #expect(named.names == ["127.0.0.1:8080"])
    #expect(try ListenAddress(naming: "8080").name == nil)
    #expect(try ListenAddress(naming: "web=8080").names.count == 2)
    for text in ["web=/run/a=b", "web=unix:/run/a=b"] {
      let path = try ListenAddress(naming: text)
      #expect(path.name == "web")
      #expect(path.names == ["/run/a=b"])
    }
    for text in ["/run/a=b", "unix:/run/a=b"] {
      let path = try ListenAddress(naming: text)
      #expect(path.name == nil)
      #expect(path.names == ["/run/a=b"])
    }
  }

  @Test(arguments: ["=8080", "a b=8080", "a:b=8080", "web=", "web=x", "a=b=8080", "[::1=]:80", "wéb=80"])
  func whatIsNoNameOrHasNoAddressIsRefused(_ text: String) {
    #expect(throws: ListenAddress.Malformed.self) { try ListenAddress(naming: text) }
  }
}
