import Linux
import Testing

@Suite struct SelfConnectionTests {
  /// What asking a port that nobody listens on ends in when the kernel happens to choose that port for the asker.
  @Test func aSocketThatIsConnectedToItselfIsKnown() throws {
    let socket = try TCPSocket(.v4)
    try socket.bind(to: .loopback(.v4, port: 0))
    let address = try socket.localAddress()
    _ = try socket.connect(to: address)
    let isWritable = socket.descriptor.isWritable(withinMilliseconds: 5000)
    #expect(isWritable)
    let error = socket.pendingError()
    #expect(error == nil)
    let isItself = socket.isConnectedToItself(at: address)
    #expect(isItself)
  }

  @Test func anOrdinaryConnectionIsNone() throws {
    let group = try ReuseportGroup(.loopback(.v4, port: 0), isIPv6Only: false)
    let socket = try TCPSocket(.v4)
    _ = try socket.connect(to: group.address)
    let isWritable = socket.descriptor.isWritable(withinMilliseconds: 5000)
    #expect(isWritable)
    let isItself = socket.isConnectedToItself(at: group.address)
    #expect(!isItself)
    try group.current.descriptor.setNonBlocking(true)
    let local = try socket.localAddress()
    if let accepted = try group.current.acceptConnection() {
      let client = accepted.client
      #expect(client == local)
    } else {
      Issue.record("nobody was in the queue")
    }
    // A client that is gone by now is told as well: the address comes with the connection.
    let second = try TCPSocket(.v4)
    _ = try second.connect(to: group.address)
    _ = second.descriptor.isWritable(withinMilliseconds: 5000)
    let gone = try second.localAddress()
    second.resetOnClose()
    close(second)
    if let accepted = try group.current.acceptConnection() {
      let client = accepted.client
      #expect(client == gone)
    } else {
      Issue.record("nobody was in the queue")
    }
  }

  private func close(_ socket: consuming TCPSocket) {}
}
