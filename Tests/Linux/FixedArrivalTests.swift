import Glibc
import Testing

@testable import Linux

/// What the kernel tells of sockets that can't be steered, and of FIFOs.
@Suite(.serialized) struct FixedArrivalTests {
  private let directory = ScratchDirectory()

  private func abstract() throws -> UnixAddress {
    try #require(UnixAddress(abstract: "torpor-test-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"))
  }

  @Test(arguments: [UnixSocket.Kind.stream, .sequencedPackets])
  func anAcceptedConnectionHasItsListenersAbstractName(_ kind: UnixSocket.Kind) throws {
    var diag = try UnixDiag()
    let name = try abstract()
    let listener = try UnixSocket(kind)
    try listener.bind(to: name)
    try listener.listen(backlog: 5)
    let client = try UnixSocket(kind)
    try client.connect(to: name)
    // One that waits isn't among them.
    #expect(try diag.connections().filter { $0.address == name }.isEmpty)
    let accepted = try listener.accept()
    let hasOne = accepted != nil
    try #require(hasOne)
    let found = try diag.connections().filter { $0.address == name }
    #expect(found.count == 1)
    #expect(found.first?.type == UInt8(kind.number))
    #expect(found.first?.peer == UInt32(truncatingIfNeeded: try client.descriptor.inode()))
  }

  @Test func aDatagramThatHasBeenReadIsStillTold() throws {
    let signal = try ArrivalSignal()
    let name = try abstract()
    let socket = try UnixSocket(.datagrams)
    try socket.bind(to: name)
    try ArrivalSignal.arm(socket.descriptor)
    let sender = try UnixSocket(.datagrams)
    try sender.connect(to: name)
    _ = try sender.descriptor.write([1, 2, 3])
    var buffer = [UInt8](repeating: 0, count: 16)
    #expect(try socket.descriptor.read(into: &buffer) == 3)
    let number = socket.descriptor.number
    #expect(signal.take() == [number])
    ArrivalSignal.disarm(socket.descriptor)
  }

  @Test func aDatagramStaysForWhoeverReadsNext() throws {
    let name = try abstract()
    let socket = try UnixSocket(.datagrams)
    try socket.bind(to: name)
    let sender = try UnixSocket(.datagrams)
    try sender.connect(to: name)
    do {
      // The instance that had it is gone.
      let instance = try socket.descriptor.duplicate()
      _ = try sender.descriptor.write([1, 2, 3])
      _ = instance.number
    }
    var buffer = [UInt8](repeating: 0, count: 16)
    #expect(try socket.descriptor.read(into: &buffer) == 3)
  }

  /// The name is free when the last descriptor is closed, whoever has it, and not a moment earlier.
  @Test func anAbstractNameIsFreeWhenNobodyHasIt() throws {
    let name = try abstract()
    let other = try UnixSocket(.stream)
    do {
      let instance: OwnedFD
      do {
        let socket = try UnixSocket(.stream)
        try socket.bind(to: name)
        instance = try socket.descriptor.duplicate()
      }
      #expect(throws: Errno.inUse) { try other.bind(to: name) }
      _ = instance.number
    }
    try other.bind(to: name)
  }

  private var permissions: UnixGenerations.Permissions { UnixGenerations.Permissions(mode: 0o620) }

  @Test func aFIFOsWriteIsToldEvenWhenAnotherFileOfItHasReadIt() throws {
    let signal = try ArrivalSignal()
    let path = directory.path + "/fifo"
    let fifo = try FIFO(path, permissions: permissions)
    try ArrivalSignal.arm(fifo.descriptor)
    let reader = OwnedFD(owning: open(path, O_RDONLY | O_CLOEXEC))
    let writer = OwnedFD(owning: open(path, O_WRONLY | O_CLOEXEC))
    #expect(signal.take() == [])
    _ = try writer.write([1, 2, 3])
    #expect(fifo.unreadBytes == 3)
    var buffer = [UInt8](repeating: 0, count: 16)
    #expect(try reader.read(into: &buffer) == 3)
    // As we could write, too, what was read is told in the same way: there is room.
    let numbers = signal.take()
    let number = fifo.descriptor.number
    #expect(numbers == [number, number])
    ArrivalSignal.disarm(fifo.descriptor)
    fifo.remove()
    #expect(access(path, F_OK) != 0)
  }

  /// Writers and readers come and go: nothing that would be told again and again, and nothing is lost.
  @Test func aFIFOThatWeHaveOpenHasNoEnd() throws {
    let path = directory.path + "/fifo"
    let fifo = try FIFO(path, permissions: permissions)
    do {
      let writer = OwnedFD(owning: open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC))
      _ = try writer.write([1, 2, 3])
    }
    do {
      let reader = OwnedFD(owning: open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC))
      var byte = [UInt8](repeating: 0, count: 1)
      #expect(try reader.read(into: &byte) == 1)
    }
    let readiness = fifo.descriptor.readiness()
    #expect(readiness.contains(.readable) && !readiness.contains(.hangUp) && !readiness.contains(.readHangUp))
    #expect(fifo.unreadBytes == 2)
    fifo.remove()
  }

  @Test func aFIFOHasTheModeThatWasAskedForAndOneHolder() throws {
    let path = directory.path + "/fifo"
    let fifo = try FIFO(path, permissions: permissions)
    #expect(try fifo.descriptor.mode() == 0o620)
    #expect(throws: FIFO.Refusal.heldByAnother) { _ = try FIFO(path, permissions: permissions).isInPlace }
    #expect(access(path, F_OK) == 0)
    fifo.remove()
  }
}
