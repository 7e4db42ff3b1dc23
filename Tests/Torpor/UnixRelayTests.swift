import Foundation
import Glibc
import Lifecycle
import Linux
import Testing

@testable import Torpor

/// On the real kernel: who waits at a socket that the service no longer has reaches the one that it has, as itself.
@Suite(.serialized) struct UnixRelayTests {
  private func text(_ socket: borrowing UnixSocket) -> String? {
    var buffer = [UInt8](repeating: 0, count: 100)
    guard let count = try? socket.descriptor.read(into: &buffer) else { return nil }
    return String(decoding: buffer[..<count], as: UTF8.self)
  }

  @Test func whoWaitsAtTheOldSocketIsServedByTheNewOne() throws {
    let scene = try UnixRelayScene()
    let client = try scene.client()
    _ = try client.descriptor.write(Array("hello".utf8))
    client.shutDownWriting()
    try scene.steer()
    _ = try scene.held.swap(migrates: false)
    var service: UnixSocket?
    var heard = ""
    var answer = ""
    try scene.run {
      if service == nil { service = scene.accepted() }
      switch service {
      case .some(let service):
        if let more = text(service) {
          // The half-closed connection stays open the other way.
          if more.isEmpty, heard == "hello" { _ = try? service.descriptor.write(Array("bye".utf8)) }
          heard += more
        }
      case .none: break
      }
      if let more = text(client) { answer += more }
      return heard == "hello" && answer == "bye"
    }
    #expect(scene.relays.begun == 1)
    #expect(scene.warnings.isEmpty)
  }

  @Test func whoCameMeanwhileIsHandedBack() throws {
    let scene = try UnixRelayScene()
    try scene.steer()
    let client = try scene.client()
    _ = try client.descriptor.write(Array("late".utf8))
    try scene.held.steerToCurrent()
    #expect(try scene.held.relayStrays() == 1)
    #expect(try scene.held.closeNext() == 0)
    var service: UnixSocket?
    try scene.run {
      if service == nil { service = scene.accepted() }
      switch service {
      case .some(let service): return text(service) == "late"
      case .none: return false
      }
    }
  }

  /// Descriptors that others than relays let go of are announced by nobody.
  @Test func whoHadToWaitForADescriptorIsServedWhenThereIsOneAgain() throws {
    let scene = try UnixRelayScene()
    let client = try scene.client()
    _ = try client.descriptor.write(Array("patience".utf8))
    try scene.steer()
    var limit = rlimit()
    #expect(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
    var none = limit
    none.rlim_cur = 0
    #expect(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &none) == 0)
    _ = try? scene.held.swap(migrates: false)
    #expect(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
    var service: UnixSocket?
    try scene.run {
      if service == nil { service = scene.accepted() }
      switch service {
      case .some(let service): return text(service) == "patience"
      case .none: return false
      }
    }
    _ = client.descriptor.number
  }

  @Test func whoFindsAFullQueueWaitsInItsTurn() throws {
    let scene = try UnixRelayScene()
    // One, and no more.
    try #require(listen(scene.held.number, 0) == 0)
    let first = try scene.client()
    _ = try first.descriptor.write(Array("1".utf8))
    try scene.steer()
    let second = try scene.client()
    _ = try second.descriptor.write(Array("2".utf8))
    let third = try scene.client()
    _ = try third.descriptor.write(Array("3".utf8))
    try scene.held.steerToCurrent()
    #expect(try scene.held.relayStrays() == 2)
    #expect(try scene.held.closeNext() == 0)
    try scene.run(for: .milliseconds(200))
    var service = scene.accepted()
    var heard = ""
    try scene.run {
      switch service {
      case .some(let connection):
        guard let more = text(connection), !more.isEmpty else { return false }
        heard += more
      case .none: break
      }
      service = scene.accepted()
      return heard == "123"
    }
    #expect(scene.warnings.isEmpty)
    _ = (first.descriptor.number, second.descriptor.number, third.descriptor.number)
  }

  @Test func whoWaitsAtAFullQueueIsTurnedAwayWithItsService() throws {
    let scene = try UnixRelayScene()
    try #require(listen(scene.held.number, 0) == 0)
    let first = try scene.client()
    try scene.steer()
    let second = try scene.client()
    try scene.held.steerToCurrent()
    #expect(try scene.held.relayStrays() == 1)
    #expect(scene.relays.count == 1)
    scene.held.release()
    try scene.run { scene.relays.count == 0 }
    #expect(text(second) == "")
    _ = first.descriptor.number
  }

  /// A server that trusts the kernel's word about its clients must not take them for us.
  @Test(.enabled(if: geteuid() == 0, "needs root, to be somebody else"))
  func aRelayedClientIsWhoItIs() throws {
    let scene = try UnixRelayScene()
    let client = try UnixSocket(.stream)
    try client.connect(to: scene.held.address, as: UnixSocket.Peer(pid: 0, user: 65534, group: 65533, groups: [1, 2]))
    try scene.steer()
    _ = try scene.held.swap(migrates: false)
    var peer: UnixSocket.Peer?
    try scene.run {
      switch scene.accepted() {
      case .some(let service): peer = try? service.peer()
      case .none: break
      }
      return peer != nil
    }
    #expect(peer?.user == 65534)
    #expect(peer?.group == 65533)
    #expect(peer?.groups == [1, 2])
    _ = client.descriptor.number
  }

  /// Credentials that are sent with each message are the client's, too.
  @Test(.enabled(if: geteuid() == 0, "needs root, to be somebody else"))
  func aRelayedMessageIsItsSenders() throws {
    let scene = try UnixRelayScene()
    var on: Int32 = 1
    let client = try UnixSocket(.stream)
    try client.connect(to: scene.held.address, as: UnixSocket.Peer(pid: 0, user: 65534, group: 65533, groups: []))
    _ = try client.descriptor.write(Array("x".utf8))
    // The next socket has it from this one, and a connection from its listener.
    try #require(
      setsockopt(scene.held.number, SOL_SOCKET, SO_PASSCRED, &on, socklen_t(MemoryLayout<Int32>.size)) == 0)
    try scene.steer()
    _ = try scene.held.swap(migrates: false)
    var service: UnixSocket?
    var user: UInt32?
    try scene.run {
      if service == nil { service = scene.accepted() }
      switch service {
      case .some(let service): user = senderOfOneMessage(service.descriptor.number)
      case .none: break
      }
      return user != nil
    }
    #expect(user == 65534)
  }

  @Test func descriptorsAreRelayedToo() throws {
    let scene = try UnixRelayScene()
    let client = try scene.client()
    let file = scene.directory + "/passed"
    #expect(FileManager.default.createFile(atPath: file, contents: Data("inside".utf8)))
    let number = open(file, O_RDONLY)
    try #require(number >= 0)
    try #require(send(descriptor: number, by: client.descriptor.number))
    close(number)
    try scene.steer()
    _ = try scene.held.swap(migrates: false)
    var service: UnixSocket?
    var message = UnixMessage()
    var passed: [Int32] = []
    try scene.run {
      if service == nil { service = scene.accepted() }
      switch service {
      case .some(let service):
        _ = try? message.receive(from: service)
        passed = message.passed
      case .none: break
      }
      return !passed.isEmpty
    }
    var buffer = [UInt8](repeating: 0, count: 100)
    let count = read(passed.first ?? -1, &buffer, buffer.count)
    #expect(String(decoding: buffer.prefix(max(0, count)), as: UTF8.self) == "inside")
  }

  /// A hang-up is told in every turn of the loop to whoever watches.
  @Test func aServiceThatHangsUpFirstLeavesNothingToDo() throws {
    let scene = try UnixRelayScene()
    let client = try scene.client()
    let service = try scene.relayed()
    _ = try service.socket?.descriptor.write(Array("bye".utf8))
    try #require(scene.relays.count == 1)
    service.close()
    try scene.run { scene.relays.count == 0 }
    #expect(text(client) == "bye")
    #expect(text(client) == "")
  }

  @Test func aServiceThatHasHungUpCostsNothingWhileItsClientDoesNotRead() throws {
    let scene = try UnixRelayScene()
    let client = try scene.client()
    let service = try scene.relayed()
    // More than the client's side takes: the rest is in our hands.
    var sent = 0
    try scene.run {
      let count = service.fill()
      sent += count
      return sent > 0 && count == 0
    }
    try scene.run(for: .milliseconds(50))
    sent += service.fill()
    service.close()
    try scene.requireQuiet()
    #expect(scene.relays.count == 1)

    var received = 0
    var buffer = [UInt8](repeating: 0, count: 65536)
    var isAtEnd = false
    try scene.run {
      while !isAtEnd, let count = try? client.descriptor.read(into: &buffer) {
        received += count
        isAtEnd = count == 0
      }
      return isAtEnd
    }
    #expect(received == sent)
    #expect(scene.relays.count == 0)
  }

  @Test func aClientThatHasHungUpCostsNothingWhileTheServiceDoesNotRead() throws {
    let scene = try UnixRelayScene()
    let client = RelayedConnection(try scene.client())
    let service = try scene.relayed()
    var sent = 0
    try scene.run {
      let count = client.fill()
      sent += count
      return sent > 0 && count == 0
    }
    client.close()
    try scene.requireQuiet()
    #expect(scene.relays.count == 1)
    service.close()
    try scene.run { scene.relays.count == 0 }
  }

  @Test func anOrdinaryUserSpeaksForNobodyElse() throws {
    func peer(_ user: UInt32) -> UnixSocket.Peer { UnixSocket.Peer(pid: 1, user: user, group: 0, groups: []) }
    #expect(UnixRelay.may(1000, speakFor: peer(1000)))
    #expect(!UnixRelay.may(1000, speakFor: peer(1001)))
    #expect(!UnixRelay.may(1000, speakFor: peer(0)))
    #expect(UnixRelay.may(0, speakFor: peer(1000)))

    let scene = try UnixRelayScene()
    let client = try scene.client()
    let accepted = scene.accepted()
    switch consume accepted {
    case .some(let accepted):
      #expect(throws: UnixRelay.Obstacle.identity(user: geteuid())) {
        _ = try UnixRelay(
          accepted.duplicated(), UnixSocket(.stream), to: scene.held, loop: scene.loop, user: geteuid() + 1
        ) { _ in }
      }
    case .none: Issue.record("nobody was in the queue")
    }
    _ = client.descriptor.number
  }
}

extension UnixSocket {
  fileprivate borrowing func duplicated() throws(Errno) -> UnixSocket {
    UnixSocket(owning: try descriptor.duplicate())
  }
}
