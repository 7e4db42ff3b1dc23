import Testing

@testable import Linux

@Suite struct UnixAddressTests {
  private func sockaddr(_ name: [UInt8]) -> [UInt8] { [1, 0] + name }

  @Test func aPathEndsAtItsFirstZero() {
    #expect(UnixAddress(sockaddr: sockaddr(Array("/run/x\0junk".utf8)))?.path == "/run/x")
    #expect(UnixAddress(sockaddr: sockaddr(Array("/run/x".utf8)))?.path == "/run/x")
  }

  @Test func anAbstractNameEndsAtItsLength() {
    let address = UnixAddress(sockaddr: sockaddr([0, 65, 0, 66]))
    #expect(address?.name == [0, 65, 0, 66])
    #expect(address?.isAbstract == true)
    #expect(address?.path == nil)
    #expect(UnixAddress(abstract: "bus")?.description == "@bus")
  }

  @Test func whatIsNoUnixAddressIsNone() {
    #expect(UnixAddress(sockaddr: []) == nil)
    #expect(UnixAddress(sockaddr: [1]) == nil)
    #expect(UnixAddress(sockaddr: [1, 0]) == nil)
    #expect(UnixAddress(sockaddr: [2, 0, 65]) == nil)
    #expect(UnixAddress(sockaddr: [1, 0] + [UInt8](repeating: 65, count: 109)) == nil)
    #expect(UnixAddress(sockaddr: [UInt8](repeating: 1, count: 4096)) == nil)
  }

  @Test func namesHaveTheLengthThatTheKernelTakes() {
    #expect(UnixAddress(path: String(repeating: "a", count: 107)) != nil)
    #expect(UnixAddress(path: String(repeating: "a", count: 108)) == nil)
    #expect(UnixAddress(path: "") == nil)
    #expect(UnixAddress(abstract: "") == nil)
    #expect(UnixAddress(abstract: String(repeating: "a", count: 107)) != nil)
    #expect(UnixAddress(abstract: String(repeating: "a", count: 108)) == nil)
  }
}
