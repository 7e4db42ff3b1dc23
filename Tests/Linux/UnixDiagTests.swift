import Glibc
import Testing

@testable import Linux

/// What the kernel tells of unix sockets, and what it doesn't.
@Suite(.serialized) struct UnixDiagTests {
  private let directory = ScratchDirectory()
  private var path: String { directory.path + "/s" }

  private func listener(of diag: inout UnixDiag, _ socket: borrowing UnixSocket) throws -> UnixDiag.Entry {
    let inode = UInt32(truncatingIfNeeded: try socket.descriptor.inode())
    return try #require(try diag.socket(inode: inode))
  }

  @Test func acceptedConnectionsShowTheirListenersFile() throws {
    var diag = try UnixDiag()
    var group = try UnixGenerations(path)
    let one = try unixClient(path)
    let other = try unixClient(path)
    guard let accepted = try group.current.accept() else {
      Issue.record("nobody was in the queue")
      return
    }
    let before = try listener(of: &diag, group.current)
    #expect(before.queueLength == 1)
    #expect(before.waiting == [UInt32(truncatingIfNeeded: try other.descriptor.inode())])
    // Renamed away and closed by the path, the listener's file still tells its connections from its successor's.
    try group.openNext()
    try group.steerToNext()
    let late = try unixClient(path)
    var next: UnixDiag.Entry?
    try group.withNext { next = try? listener(of: &diag, $0) }
    #expect(next?.queueLength == 1)
    #expect(next?.file != nil && next?.file != before.file)
    let mine = try diag.connections().filter { $0.file == before.file }
    #expect(mine.map(\.inode) == [UInt32(truncatingIfNeeded: try accepted.descriptor.inode())])
    #expect(mine.first?.address?.path == path)
    #expect(mine.first?.peer == UInt32(truncatingIfNeeded: try one.descriptor.inode()))
    _ = (one.descriptor.number, late.descriptor.number)
    group.remove()
  }

  @Test func aClientThatHasGoneStaysInTheQueueAsZero() throws {
    var diag = try UnixDiag()
    let group = try UnixGenerations(path)
    do {
      let client = try unixClient(path)
      _ = client.descriptor.number
    }
    let entry = try listener(of: &diag, group.current)
    #expect(entry.queueLength == 1)
    #expect(entry.waiting == [0])
    group.remove()
  }

  /// So a look can't find it, and its listener's signal has to tell.
  @Test func aConnectionThatWaitsIsInNoDump() throws {
    var diag = try UnixDiag()
    let group = try UnixGenerations(path)
    let client = try unixClient(path)
    let entry = try listener(of: &diag, group.current)
    let found = try diag.connections().count { $0.file == entry.file }
    #expect(found == 0)
    let inode = UInt32(truncatingIfNeeded: try client.descriptor.inode())
    let clients = try diag.connections().filter { $0.inode == inode }
    #expect(clients.first?.peer == 0)
    group.remove()
  }

  /// An answer that names each client has no room for very many.
  @Test func moreWaitingClientsThanAnAnswerHoldsAreCounted() throws {
    var diag = try UnixDiag()
    let group = try UnixGenerations(path)
    let address = try #require(UnixAddress(path: path))
    var numbers: [Int32] = []
    for _ in 0..<4000 {
      let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      guard number >= 0 else { break }
      numbers.append(number)
      let client = UnixSocket(owning: OwnedFD(owning: dup(number)))
      try client.connect(to: address)
    }
    let entry = try listener(of: &diag, group.current)
    #expect(entry.queueLength == UInt32(numbers.count))
    #expect(entry.waiting == nil || entry.waiting?.count == numbers.count)
    #expect(numbers.count >= 1000)
    for number in numbers { close(number) }
    group.remove()
  }

  @Test func anInodeOfNobodyIsNotFound() throws {
    var diag = try UnixDiag()
    let entry = try diag.socket(inode: 1)
    #expect(entry == nil)
  }
}

/// Datagrams as a 6.18 kernel sent them.
@Suite struct UnixDiagMessageTests {
  /// A listener /run/x.sock with one client waiting, then the end of the dump.
  private static func message(
    type: UInt16 = 20, flags: UInt16 = 2, sequence: UInt32 = 7, body: [UInt8], length: UInt32? = nil
  ) -> [UInt8] {
    var out: [UInt8] = []
    func append<Number: FixedWidthInteger>(_ number: Number) {
      withUnsafeBytes(of: number) { out.append(contentsOf: $0) }
    }
    append(length ?? UInt32(16 + body.count))
    append(type)
    append(flags)
    append(sequence)
    append(UInt32(4711))
    return out + body
  }

  private static func attribute(_ type: UInt16, _ value: [UInt8], length: UInt16? = nil) -> [UInt8] {
    var out: [UInt8] = []
    withUnsafeBytes(of: length ?? UInt16(4 + value.count)) { out.append(contentsOf: $0) }
    withUnsafeBytes(of: type) { out.append(contentsOf: $0) }
    out += value
    return out + [UInt8](repeating: 0, count: (4 - out.count % 4) % 4)
  }

  /// unix_diag_msg: AF_UNIX, SOCK_STREAM, LISTEN, inode 0x5d2214, cookie 0x3b11cd.
  private static let head: [UInt8] = [1, 1, 10, 0, 0x14, 0x22, 0x5d, 0, 0xcd, 0x11, 0x3b, 0, 0, 0, 0, 0]
  private static let listener: [UInt8] =
    head + attribute(0, Array("/run/x.sock".utf8) + [0]) + attribute(1, [0x54, 0x41, 0xfa, 0, 1, 0, 0, 1])
    + attribute(3, [9, 0, 0, 0]) + attribute(4, [1, 0, 0, 0, 0, 16, 0, 0]) + attribute(6, [0])

  private func parse(_ bytes: [UInt8], sequence: UInt32 = 7) throws(SockDiagError) -> ([UnixDiag.Entry], Bool) {
    var found: [UnixDiag.Entry] = []
    let isDone = try UnixDiagMessage.parse(bytes.span.bytes, sequence: sequence, into: &found)
    return (found, isDone)
  }

  @Test func aListenerIsReadWhole() throws {
    let (found, isDone) = try parse(Self.message(body: Self.listener))
    #expect(!isDone)
    let entry = try #require(found.first)
    #expect(entry.isListening)
    #expect(entry.inode == 0x5d2214)
    #expect(entry.cookie == 0x3b11cd)
    #expect(entry.address?.path == "/run/x.sock")
    #expect(entry.file == UnixDiag.File(inode: 0xfa4154, device: 0x0100_0001))
    #expect(entry.waiting == [9])
    #expect(entry.queueLength == 1)
  }

  @Test func abstractNamesMayHoldZeros() throws {
    let body = Self.head + Self.attribute(0, [0, 65, 0, 66, 0])
    let entry = try #require(try parse(Self.message(body: body)).0.first)
    #expect(entry.address?.name == [0, 65, 0, 66, 0])
  }

  @Test func aSingleAnswerEndsByItself() throws {
    #expect(try parse(Self.message(flags: 0, body: Self.listener)).1)
    #expect(try parse(Self.message(type: 3, body: [0, 0, 0, 0])).1)
    #expect(try !parse(Self.message(type: 3, sequence: 8, body: [0, 0, 0, 0])).1)
  }

  @Test func answersToAnotherQuestionDoNotCount() throws {
    #expect(try parse(Self.message(body: Self.listener), sequence: 8).0.isEmpty)
  }

  @Test func aKernelErrorIsThrown() {
    #expect(throws: SockDiagError.kernel(.noEntry)) {
      try parse(Self.message(type: 2, body: [0xfe, 0xff, 0xff, 0xff] + [UInt8](repeating: 0, count: 16)))
    }
    #expect(throws: SockDiagError.malformed) { try parse(Self.message(type: 2, body: [0, 0])) }
    // The one number whose negative there isn't.
    #expect(throws: SockDiagError.self) { try parse(Self.message(type: 2, body: [0, 0, 0, 0x80])) }
  }

  @Test func everyTruncatedDatagramIsRefusedOrEmpty() {
    let whole = Self.message(body: Self.listener)
    for count in 0..<whole.count {
      let found = try? parse(Array(whole.prefix(count)))
      #expect(found?.0.isEmpty ?? true)
    }
  }

  @Test func lengthsThatLieAreRefused() {
    for length in [0, 1, 15, 17, 31, 4000, .max] as [UInt32] {
      #expect(throws: SockDiagError.malformed) { try parse(Self.message(body: Self.listener, length: length)) }
    }
    for length in [0, 1, 3, 100, .max] as [UInt16] {
      let body = Self.head + Self.attribute(1, [0, 0, 0, 0, 0, 0, 0, 0], length: length)
      #expect(throws: SockDiagError.malformed) { try parse(Self.message(body: body)) }
    }
    // Attributes that are too short for what they are.
    for type in [1, 2, 4] as [UInt16] {
      #expect(throws: SockDiagError.malformed) {
        try parse(Self.message(body: Self.head + Self.attribute(type, [1, 2, 3])))
      }
    }
    #expect(throws: SockDiagError.malformed) { try parse(Self.message(body: Self.head + Self.attribute(6, []))) }
  }

  @Test func noiseIsRefusedOrReadAndNeverWorse() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<20_000 {
      var noise = Self.message(body: Self.listener)
      for _ in 0..<Int.random(in: 1...8, using: &generator) {
        noise[Int.random(in: noise.indices, using: &generator)] = .random(in: 0...255, using: &generator)
      }
      _ = try? parse(noise)
    }
  }

  @Test func aRequestIsLaidOutAsTheKernelReadsIt() {
    let one = UnixDiagRequest(inode: 0x5d2214, show: [.name, .queueLength], sequence: 7).bytes
    #expect(one.count == 40)
    #expect(one[4..<8] == [20, 0, 1, 0])
    #expect(one[24..<32] == [0x14, 0x22, 0x5d, 0, 17, 0, 0, 0])
    let all = UnixDiagRequest(inode: nil, states: 2, show: .peer, sequence: 7).bytes
    #expect(all[6..<8] == [1, 3])
    #expect(all[20..<24] == [2, 0, 0, 0])
  }
}
