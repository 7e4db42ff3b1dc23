import Glibc
import Linux
import Testing

@Suite struct CloserTests {
  /// The other side, unread, and a connection that is full of bytes for it and closes for an hour.
  private final class Lingering {
    let listener: ReuseportGroup
    let peer: AcceptedConnection

    init() throws {
      listener = try ReuseportGroup(.loopback(.v4, port: 0), isIPv6Only: false)
      let socket = try TCPSocket(.v4)
      _ = try socket.connect(to: listener.address)
      _ = socket.descriptor.isWritable(withinMilliseconds: 5000)
      try listener.current.descriptor.setNonBlocking(true)
      guard let accepted = try listener.current.acceptConnection() else { throw Errno.again }
      peer = accepted
      let bytes = [UInt8](repeating: 0, count: 65536)
      while (try? socket.descriptor.write(bytes)) != nil {}
      var hour = linger(l_onoff: 1, l_linger: 3600)
      setsockopt(
        socket.descriptor.number, SOL_SOCKET, SO_LINGER, &hour, socklen_t(MemoryLayout<linger>.size))
      number = try socket.descriptor.duplicate().release()
      var off = linger(l_onoff: 1, l_linger: 3600)
      _ = getsockopt(number, SOL_SOCKET, SO_LINGER, &off, &length)
      try #require(off.l_linger == 3600)
    }
    let number: Int32
    private var length = socklen_t(MemoryLayout<linger>.size)
  }

  @Test func aCloseThatWaitsKeepsNobodyWaiting() throws {
    let lingering = try Lingering()
    let begin = ContinuousClock.now
    let closer = try Closer(closing: [lingering.number])
    // It goes on waiting beside us.
    let isDone = isReadable(closer.descriptor.number, withinMilliseconds: 200)
    #expect(!isDone)
    closer.kill()
    let isDoneThen = isReadable(closer.descriptor.number, withinMilliseconds: 5000)
    #expect(isDoneThen)
    let count = closer.finish()
    #expect(count == 1)
    #expect(fcntl(lingering.number, F_GETFD) == -1)
    #expect(begin.duration(to: .now) < .seconds(5))
  }

  @Test func allDescriptorsOfOneAreClosed() throws {
    let pipe = try OwnedFD.pipe()
    let numbers = try (0..<Closer.numbersMax).map { _ in try pipe.reading.duplicate().release() }
    let closer = try Closer(closing: numbers)
    let isDone = isReadable(closer.descriptor.number, withinMilliseconds: 5000)
    #expect(isDone)
    let count = closer.finish()
    #expect(count == numbers.count)
    for number in numbers { #expect(fcntl(number, F_GETFD) == -1) }
    let isOpen = fcntl(pipe.reading.number, F_GETFD) >= 0
    #expect(isOpen)
  }

  @Test func whatARelayedConnectionInheritsDoesNotHoldItsCloseUp() throws {
    let lingering = try Lingering()
    let socket = TCPSocket(owning: OwnedFD(owning: lingering.number))
    socket.forgetInheritedOptions()
    let begin = ContinuousClock.now
    close(socket)
    #expect(begin.duration(to: .now) < .seconds(1))
  }

  @Test func nobodyCanSendADescriptorToOurNotifySocket() throws {
    let socket = try DatagramSocket(takesDescriptors: false)
    // Linux 6.16 and later refuse; before that it arrives, and is the receiver's to close.
    let hasOption = passesRights(socket.descriptor.number) != nil
    if hasOption { #expect(passesRights(socket.descriptor.number) == 0) }
  }

  private func passesRights(_ number: Int32) -> Int32? {
    var value: Int32 = -1
    var length = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(number, SOL_SOCKET, 83, &value, &length) == 0 ? value : nil
  }

  private func close(_ socket: consuming TCPSocket) {}

  private func isReadable(_ number: Int32, withinMilliseconds limit: Int32) -> Bool {
    var entry = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, limit) == 1
  }
}
