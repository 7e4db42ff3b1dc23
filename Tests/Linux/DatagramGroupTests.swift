import CLinux
import Glibc
import Testing

@testable import Linux

/// On the real kernel: who gets a datagram, and what is known of it.
@Suite(.serialized) struct DatagramGroupTests {
  private func held() throws -> DatagramGroup {
    try DatagramGroup(.loopback(.v4, port: 0), isIPv6Only: false)
  }

  private func send(_ text: String, to group: borrowing DatagramGroup) throws {
    let client = try UDPSocket(.v4)
    let number = client.descriptor.number
    let address = group.address
    try shim {
      unsafe cl_connect_inet(number, Int32(address.family.rawValue), address.bytes, address.port, address.scope)
    }
    let bytes = Array(text.utf8)
    #expect(unsafe Glibc.send(number, bytes, bytes.count, 0) == bytes.count)
  }

  private func receive(_ socket: borrowing UDPSocket) -> String? {
    var buffer = [UInt8](repeating: 0, count: 64)
    let count = unsafe recv(socket.descriptor.number, &buffer, buffer.count, Int32(MSG_DONTWAIT))
    return count < 0 ? nil : String(decoding: buffer.prefix(count), as: UTF8.self)
  }

  private func receiveNext(_ group: borrowing DatagramGroup) -> String? {
    switch group.next {
    case .some(let next): receive(next)
    case .none: nil
    }
  }

  @Test func everyDatagramGoesToTheCurrentSocketUntilTheCommitment() throws {
    var group = try held()
    try send("a", to: group)
    try group.openNext()
    for _ in 0..<20 { try send("b", to: group) }
    let early = receiveNext(group)
    #expect(early == nil)
    try group.commit()
    for _ in 0..<20 { try send("c", to: group) }
    var current: [String] = []
    while let text = receive(group.current) { current.append(text) }
    #expect(current == ["a"] + Array(repeating: "b", count: 20))
    var next: [String] = []
    while let text = receiveNext(group) { next.append(text) }
    #expect(next == Array(repeating: "c", count: 20))
  }

  @Test func aCommitmentCanBeWithdrawn() throws {
    var group = try held()
    try group.openNext()
    try group.commit()
    let isEmpty = !group.nextHasUnread
    #expect(isEmpty)
    try group.withdraw()
    for _ in 0..<20 { try send("back", to: group) }
    let none = receiveNext(group)
    #expect(none == nil)
    var count = 0
    while receive(group.current) == "back" { count += 1 }
    #expect(count == 20)
    // And made again, for good.
    try group.commit()
    try send("next", to: group)
    let hasCome = group.nextHasUnread
    #expect(hasCome)
    let next = receiveNext(group)
    #expect(next == "next")
  }

  @Test func whatTheNextSocketHasIsThereAfterTheSwap() throws {
    var group = try held()
    try group.openNext()
    try group.commit()
    try send("later", to: group)
    let hasLeft = try group.swap()
    #expect(!hasLeft)
    for _ in 0..<20 { try send("and later", to: group) }
    let first = receive(group.current)
    let second = receive(group.current)
    #expect(first == "later")
    #expect(second == "and later")
    // And once more, with the sockets in the other order of age.
    try group.openNext()
    for _ in 0..<20 { try send("current", to: group) }
    let next = receiveNext(group)
    #expect(next == nil)
  }

  @Test func aRestThatIsGivenUpChangesNothing() throws {
    var group = try held()
    try group.openNext()
    try group.closeNext()
    for _ in 0..<20 { try send("x", to: group) }
    var count = 0
    while receive(group.current) != nil { count += 1 }
    #expect(count == 20)
  }

  @Test func theStampIsThatOfTheArrivalAndComesWithTheReading() throws {
    let group = try held()
    let none = group.current.lastStamp
    #expect(none == nil)
    // Stamps are turned on by a work queue of the kernel.
    usleep(20_000)
    let before = RealtimeClock.now()
    try send("x", to: group)
    let after = RealtimeClock.now()
    let isUnread = group.current.hasUnread
    #expect(isUnread)
    let unread = group.current.lastStamp
    #expect(unread == nil)
    usleep(50_000)
    let text = receive(group.current)
    #expect(text == "x")
    let stamp = group.current.lastStamp ?? 0
    #expect(stamp >= before && stamp <= after)
    let isEmpty = !group.current.hasUnread
    #expect(isEmpty)
  }

  @Test func theSenderOfTheNextIsKnownWithoutTakingIt() throws {
    let group = try held()
    let nobody = group.current.peekSender()
    #expect(nobody == nil)
    try send("x", to: group)
    let sender = group.current.peekSender()
    #expect(sender?.bytes == group.address.bytes)
    let text = receive(group.current)
    #expect(text == "x")
  }

  @Test func anAddressInUseIsRefused() throws {
    let group = try held()
    #expect(throws: Errno.inUse) { _ = try DatagramGroup(group.address, isIPv6Only: false).address }
  }

  @Test func aServiceThatAsksForStampsIsKnown() throws {
    let group = try held()
    let before = group.current.keepsOwnStamps
    #expect(!before)
    try group.current.set(SOL_SOCKET, SO_TIMESTAMP, to: 1)
    let after = group.current.keepsOwnStamps
    #expect(after)
  }
}
