import Testing

@testable import Units

@Suite struct AddressTests {
  @Test(arguments: [
    ("8080", ListenSpecification.Address.port(8080)), ("/run/x//y.sock", .path("/run/x/y.sock")),
    ("@mariadb", .abstract("mariadb")),
  ])
  func addressesInSystemdsForms(_ text: String, _ address: ListenSpecification.Address) throws {
    #expect(try ListenSpecification(text, kind: .stream).address == address)
  }

  @Test func ipAddresses() throws {
    let four = try ListenSpecification("127.0.0.1:80", kind: .datagram)
    #expect(four.description == "127.0.0.1:80")
    let six = try ListenSpecification("[fe80::1]:80%eth0", kind: .stream)
    guard case .ip(let address, let port, let scope) = six.address else { return #expect(Bool(false)) }
    #expect(address.description == "fe80::1" && port == 80 && scope == "eth0")
    #expect(Reading("[Socket]\nListenStream=[fe80::1]:80%%eth0\n").socket.listen == [six])
  }

  @Test(arguments: [
    ("0", 0, "is not a port"), ("65536", 0, "is not a port"), ("localhost:80", 0, "names are not looked up"),
    ("::1:80", 0, "written in brackets"), ("[::1]", 5, "a port is expected"), ("[::1", 0, "']' is missing"),
    ("[1.2.3.4]:80", 1, "is not an IPv6 address"), ("1.2.3.4:x", 8, "is not a port"), ("vsock:2:80", 0, "AF_VSOCK"),
    ("@", 0, "abstract name"), ("run/x", 0, "is not an address"), ("/run/../x", 0, "'..'"),
    ("01.2.3.4:80", 0, "looked up"),
    ("", 0, "is not an address"), ("80 ", 0, "is not an address"),
  ])
  func whatIsNoAddressIsRefused(_ text: String, _ offset: Int, _ message: String) {
    do throws(ValueError) {
      _ = try ListenSpecification(text, kind: .stream)
      Issue.record("'\(text)' was taken")
    } catch {
      #expect(error.message.contains(message) && error.offset == offset, "\(text): \(error) at \(error.offset)")
    }
  }

  @Test func pathsOfSocketsAreShort() {
    let path = "/" + String(repeating: "x", count: 107)
    #expect(throws: ValueError.self) { try ListenSpecification(path, kind: .stream) }
    #expect(throws: Never.self) { try ListenSpecification(path, kind: .fifo) }
  }

  @Test func onlyUnixSocketsAreSequentialPacketAndOnlyPathsAreFIFOs() {
    #expect(throws: ValueError.self) { try ListenSpecification("80", kind: .sequentialPacket) }
    #expect(throws: ValueError.self) { try ListenSpecification("@x", kind: .fifo) }
  }

  @Test(arguments: [
    ("::", "::"), ("::1", "::1"), ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"), ("1::2:0:0:0:3", "1::2:0:0:0:3"),
    ("0:0:1::", "0:0:1::"), ("::ffff:1.2.3.4", "::ffff:1.2.3.4"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
    ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"), ("fe80::", "fe80::"),
  ])
  func ipv6AddressesAreReadAndWritten(_ text: String, _ written: String) throws {
    let address = try #require(IPAddress(text))
    #expect(address.bytes.count == 16)
    #expect(IPAddress(address.description) == address)
    if text != "1::2:0:0:0:3", text != "0:0:1::" { #expect(address.description == written) }
  }

  @Test(arguments: [
    "", ":", ":::", "1:2", "1::2::3", "1:2:3:4:5:6:7:8:9", "12345::", "g::", "1:", ":1", "1.2.3", "1.2.3.256",
    "1:2:3:4:5:6:7::8",
  ])
  func whatIsNoIPAddressIsNone(_ text: String) {
    #expect(IPAddress(text) == nil)
  }

  @Test func ranges() throws {
    let range = try #require(AddressRange("10.1.2.3/8"))
    #expect(range.description == "10.0.0.0/8")
    #expect(range.contains([10, 255, 0, 1]) && !range.contains([11, 0, 0, 1]))
    #expect(try #require(AddressRange("fd00::/9")).contains([0xFD, 0x7F] + [UInt8](repeating: 1, count: 14)))
    #expect(try #require(AddressRange("0.0.0.0/0")).contains([1, 2, 3, 4]))
    #expect(AddressRange("::1")?.prefixLength == 128)
    for text in ["10.0.0.0/33", "10.0.0.0/", "x/8", "::/129", "1.2.3.4/+8"] {
      #expect(AddressRange(text) == nil, "\(text)")
    }
    let idle = Reading("[X-Idle]\nIgnoreSource=10.0.0.0/8 localhost\nIgnoreSource=::1\n").idle
    #expect(idle.ignoredSources.map(\.description) == ["10.0.0.0/8", "127.0.0.0/8", "::1/128", "::1/128"])
  }

  @Test func emptyListenResetsEveryKind() {
    let socket = Reading("[Socket]\nListenStream=80\nListenDatagram=80\nListenFIFO=\nListenStream=81\n").socket
    #expect(socket.listen.map(\.description) == ["81"])
  }
}
