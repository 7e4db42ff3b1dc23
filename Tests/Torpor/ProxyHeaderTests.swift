import Linux
import Testing

@testable import Torpor

/// The bytes that haproxy's proxy-protocol.txt describes.
@Suite struct ProxyHeaderTests {
  private func address(_ text: String, _ port: UInt16) throws -> SocketAddress {
    try #require(SocketAddress(text: text, port: port))
  }

  private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  @Test func versionOneIsALine() throws {
    let header = ProxyProtocol.v1.header(
      client: try address("192.168.0.1", 56324), destination: try address("192.168.0.11", 443))
    #expect(String(decoding: header, as: UTF8.self) == "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n")
    let six = ProxyProtocol.v1.header(client: try address("2001:db8::1", 1), destination: try address("::1", 65535))
    #expect(String(decoding: six, as: UTF8.self) == "PROXY TCP6 2001:db8::1 ::1 1 65535\r\n")
  }

  @Test func versionTwoIsBinary() throws {
    let header = ProxyProtocol.v2.header(
      client: try address("192.168.0.1", 56324), destination: try address("192.168.0.11", 443))
    #expect(hex(header) == "0d0a0d0a000d0a515549540a" + "2111000c" + "c0a80001" + "c0a8000b" + "dc04" + "01bb")
    let six = ProxyProtocol.v2.header(client: try address("2001:db8::1", 1), destination: try address("::1", 2))
    #expect(
      hex(six) == "0d0a0d0a000d0a515549540a" + "21210024" + "20010db8000000000000000000000001"
        + "00000000000000000000000000000001" + "0001" + "0002")
  }

  @Test func anIPv4ClientOfAnIPv6SocketIsOne() throws {
    let client = try address("::ffff:10.1.2.3", 1000)
    let header = ProxyProtocol.v1.header(client: client, destination: try address("::ffff:10.0.0.1", 80))
    #expect(String(decoding: header, as: UTF8.self) == "PROXY TCP4 10.1.2.3 10.0.0.1 1000 80\r\n")
  }

  @Test func whatHasNoAddressIsUnknown() throws {
    let destination = try address("::1", 80)
    for (client, destination) in [(nil, destination), (try address("10.0.0.1", 1), destination), (destination, nil)] {
      let text = ProxyProtocol.v1.header(client: client, destination: destination)
      #expect(String(decoding: text, as: UTF8.self) == "PROXY UNKNOWN\r\n")
      #expect(
        hex(ProxyProtocol.v2.header(client: client, destination: destination)) == "0d0a0d0a000d0a515549540a21000000")
    }
  }

  @Test func aRelaysTargetIsOneAddress() throws {
    #expect(try RelayTarget("127.0.0.1:80").description == "127.0.0.1:80")
    #expect(try RelayTarget("[::1]:80").description == "[::1]:80")
    #expect(try RelayTarget("80").description == "127.0.0.1:80")
    for text in ["*:80", "0.0.0.0:80", "[::]:80", "localhost:80", "", "127.0.0.1"] {
      #expect(throws: ListenAddress.Malformed.self) { try RelayTarget(text) }
    }
  }
}
