import Testing

@testable import Linux

/// What the kernel answers about sockets of our own.
@Suite struct SockDiagTests {
  @Test func ofManyThatListenAtOnePortOnlyTheOneAtTheAddressIsListed() throws {
    let first = try listening(at: .loopback(.v4, port: 0))
    let address = try first.localAddress()
    let neighbour = try #require(SocketAddress(text: "127.0.0.2", port: address.port))
    let second = try listening(at: neighbour)
    var diag = try SockDiag()
    #expect(try diag.listeners(at: address).map(\.local) == [address])
    #expect(try diag.listeners(at: neighbour).map(\.local) == [neighbour])
    #expect(try diag.listeners(at: .any(.v4, port: address.port)).isEmpty)
    #expect(try diag.listeners(.v4, port: address.port).count == 2)
    withExtended(first, second)
  }

  @Test func anAddressOfIPv6IsListed() throws {
    let socket = try listening(at: .loopback(.v6, port: 0))
    let address = try socket.localAddress()
    var diag = try SockDiag()
    #expect(try diag.listeners(at: address).map(\.local) == [address])
    #expect(try diag.listeners(at: .any(.v6, port: address.port)).isEmpty)
  }

  private func listening(at address: SocketAddress) throws -> TCPSocket {
    let socket = try TCPSocket(address.family)
    try socket.bind(to: address)
    try socket.listen(backlog: 1)
    return socket
  }

  private func withExtended(_ first: borrowing TCPSocket, _ second: borrowing TCPSocket) {}
}
