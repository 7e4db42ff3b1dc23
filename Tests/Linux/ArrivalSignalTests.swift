import Glibc
import Testing

@testable import Linux

/// epoll forgets a connection that somebody else has taken; the signal doesn't.
@Suite(.serialized) struct ArrivalSignalTests {
  private let directory = ScratchDirectory()
  private var path: String { directory.path + "/s" }

  /// A connection that is accepted and closed before anybody looks.
  private func visit(_ group: borrowing UnixGenerations) throws {
    let client = try unixClient(path)
    let accepted = try group.current.accept()
    let isAccepted = accepted != nil
    try #require(isAccepted)
    _ = client.descriptor.number
  }

  @Test func aConnectionThatHasGoneIsStillTold() throws {
    let signal = try ArrivalSignal()
    let group = try UnixGenerations(path)
    try ArrivalSignal.arm(group.current.descriptor)
    #expect(signal.take() == [])
    try visit(group)
    let number = group.current.descriptor.number
    #expect(signal.take() == [number])
    #expect(signal.take() == [])
    group.remove()
  }

  /// The fact that makes it necessary.
  @Test func epollForgetsAConnectionThatHasGone() throws {
    var epoll = try Epoll()
    let group = try UnixGenerations(path)
    let other = try UnixGenerations(path + "2")
    try epoll.add(group.current.descriptor, for: Readiness(rawValue: 1 | 1 << 31), token: 1)
    try epoll.add(other.current.descriptor, for: .readable, token: 2)
    try visit(group)
    let client = try unixClient(path + "2")
    let events = try epoll.wait()
    #expect(events.map(\.token) == [2])
    _ = client.descriptor.number
    group.remove()
    other.remove()
  }

  @Test func aDisarmedSocketTellsNothing() throws {
    let signal = try ArrivalSignal()
    let group = try UnixGenerations(path)
    try ArrivalSignal.arm(group.current.descriptor)
    ArrivalSignal.disarm(group.current.descriptor)
    try visit(group)
    #expect(signal.take() == [])
    let isArmed = ArrivalSignal.isArmed(group.current.descriptor)
    #expect(!isArmed)
    group.remove()
  }

  @Test func flagsSetWithoutCareAreNoticed() throws {
    let signal = try ArrivalSignal()
    let group = try UnixGenerations(path)
    try ArrivalSignal.arm(group.current.descriptor)
    var isArmed = ArrivalSignal.isArmed(group.current.descriptor)
    #expect(isArmed)
    // Arming leaves O_NONBLOCK as it is, and the other way round.
    try group.current.descriptor.setNonBlocking(true)
    isArmed = ArrivalSignal.isArmed(group.current.descriptor)
    #expect(isArmed)
    try group.current.descriptor.setStatusFlags(O_NONBLOCK)
    isArmed = ArrivalSignal.isArmed(group.current.descriptor)
    #expect(!isArmed)
    _ = signal.take()
    group.remove()
  }
}
