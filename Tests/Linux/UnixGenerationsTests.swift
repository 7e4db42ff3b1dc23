import Foundation
import Glibc
import Testing

@testable import Linux

/// A directory of its own for each test.
final class ScratchDirectory {
  let path: String

  init() {
    path = NSTemporaryDirectory() + "torpor-" + UUID().uuidString.prefix(8)
    _ = mkdir(path, 0o755)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  var entries: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }
}

func unixClient(_ path: String) throws -> UnixSocket {
  let client = try UnixSocket(.stream)
  try client.connect(to: try #require(UnixAddress(path: path)))
  return client
}

/// On the real kernel and file system: who gets a connection, and what becomes of the path.
@Suite(.serialized) struct UnixGenerationsTests {
  private let directory = ScratchDirectory()
  private var path: String { directory.path + "/service.sock" }

  private func status(_ path: String) throws -> stat {
    var status = stat()
    try #require(lstat(path, &status) == 0)
    return status
  }

  private func expect(
    _ group: borrowing UnixGenerations, currentWaits: Bool, nextWaits: Bool = false,
    _ location: SourceLocation = #_sourceLocation
  ) throws {
    let current = group.current.hasWaiting()
    var next = false
    try group.withNext { next = $0.hasWaiting() }
    #expect(current == currentWaits, sourceLocation: location)
    #expect(next == nextWaits, sourceLocation: location)
  }

  private func drain(_ socket: borrowing UnixSocket) throws -> Int {
    try socket.descriptor.setNonBlocking(true)
    defer { try? socket.descriptor.setNonBlocking(false) }
    var count = 0
    while let taken = try socket.accept() {
      _ = taken.descriptor.number
      count += 1
    }
    return count
  }

  @Test func everyConnectionGoesWhereThePathLeads() throws {
    var group = try UnixGenerations(path)
    let first = try unixClient(path)
    try expect(group, currentWaits: true)
    try group.openNext()
    let second = try unixClient(path)
    let taken = try drain(group.current)
    #expect(taken == 2)
    try group.steerToNext()
    let third = try unixClient(path)
    try expect(group, currentWaits: false, nextWaits: true)
    try group.steerToCurrent()
    let fourth = try unixClient(path)
    try expect(group, currentWaits: true, nextWaits: true)
    _ = (first.descriptor.number, second.descriptor.number, third.descriptor.number, fourth.descriptor.number)
    group.remove()
  }

  @Test func theNextSocketTakesThePathOverAtTheSwap() throws {
    var group = try UnixGenerations(path)
    for _ in 1...5 {
      try group.openNext()
      try group.steerToNext()
      let client = try unixClient(path)
      let before = group.swap()
      let isThere = before != nil
      #expect(isThere)
      try expect(group, currentWaits: true)
      let taken = try drain(group.current)
      #expect(taken == 1)
      _ = client.descriptor.number
    }
    group.remove()
    #expect(directory.entries.isEmpty)
  }

  @Test func whoWaitedAtTheOldSocketIsStillThereAfterTheSwap() throws {
    var group = try UnixGenerations(path)
    let late = try unixClient(path)
    try group.openNext()
    try group.steerToNext()
    switch group.swap() {
    case .some(let before):
      let isWaiting = before.hasWaiting()
      #expect(isWaiting)
    case .none: Issue.record("nothing was swapped")
    }
    _ = late.descriptor.number
    group.remove()
  }

  /// Closing a unix listener resets whoever is in its queue: there is no migration as for TCP.
  @Test func aQueueIsLostWithItsListener() throws {
    var group = try UnixGenerations(path)
    try group.openNext()
    try group.steerToNext()
    let client = try unixClient(path)
    try group.steerToCurrent()
    _ = group.takeStrays()
    let readiness = client.descriptor.readiness()
    #expect(readiness.contains(.hangUp))
    group.remove()
  }

  @Test func namesAreWhatThePathSaysInEveryGeneration() throws {
    var group = try UnixGenerations(path)
    for _ in 1...3 {
      let name = try group.current.localAddress()
      #expect(name?.path == path)
      try group.openNext()
      try group.steerToNext()
      let client = try unixClient(path)
      _ = client.descriptor.number
      _ = group.swap()
    }
    group.remove()
  }

  @Test func thePathOfAServerThatUnlinksItComesBack() throws {
    var group = try UnixGenerations(path)
    #expect(unlink(path) == 0)
    try group.steerToCurrent()
    let client = try unixClient(path)
    try expect(group, currentWaits: true)
    _ = client.descriptor.number
    // And where another file has been put in its place.
    let other = directory.path + "/other"
    #expect(FileManager.default.createFile(atPath: other, contents: nil))
    #expect(rename(other, path) == 0)
    try group.listenAgain()
    let again = try unixClient(path)
    _ = again.descriptor.number
    group.remove()
    #expect(directory.entries.isEmpty)
  }

  /// On a file system with a journal that could wait for the disk, in the middle of connect().
  @Test func connectingDoesNotTouchTheFile() throws {
    var group = try UnixGenerations(path)
    for _ in 1...3 {
      let before = try status(path).st_atim.tv_sec
      let client = try unixClient(path)
      #expect(try status(path).st_atim.tv_sec == before)
      #expect(before > time(nil))
      _ = client.descriptor.number
      try group.openNext()
      try group.steerToNext()
      _ = group.swap()
    }
    group.remove()
  }

  @Test func whatSomebodyHasRemovedIsMadeAgain() throws {
    var group = try UnixGenerations(path)
    try FileManager.default.removeItem(atPath: directory.path + "/.service.sock.torpor")
    try group.openNext()
    try group.steerToNext()
    try group.steerToCurrent()
    let client = try unixClient(path)
    try expect(group, currentWaits: true)
    _ = client.descriptor.number
    group.remove()
    #expect(directory.entries.isEmpty)
  }

  /// A file without a name can't be given one: then another socket takes its place.
  @Test func whereEverythingIsRemovedThePathLeadsToANewSocket() throws {
    var group = try UnixGenerations(path)
    try FileManager.default.removeItem(atPath: directory.path)
    var isInPlace = group.isInPlace()
    #expect(!isInPlace)
    try group.steerToCurrent()
    isInPlace = group.isInPlace()
    #expect(isInPlace)
    let client = try unixClient(path)
    try expect(group, currentWaits: true)
    let hasFormer = group.former != nil
    #expect(hasFormer)
    _ = client.descriptor.number
    group.remove()
  }

  @Test func theNextFileHasTheModeAndOwnerOfTheOneBefore() throws {
    var group = try UnixGenerations(path, permissions: .init(mode: 0o640))
    #expect(try status(path).st_mode & 0o7777 == 0o640)
    #expect(chmod(path, 0o700) == 0)
    let owner: UInt32 = geteuid() == 0 ? 65534 : geteuid()
    if geteuid() == 0 { #expect(chown(path, owner, owner) == 0) }
    try group.openNext()
    #expect(chmod(path, 0o720) == 0)
    try group.steerToNext()
    #expect(try status(path).st_mode & 0o7777 == 0o720)
    #expect(try status(path).st_uid == owner)
    group.remove()
  }

  @Test func aShutDownListenerIsReplacedAsNothingBringsItBack() throws {
    var group = try UnixGenerations(path)
    let early = try unixClient(path)
    group.current.shutDown(Int32(SHUT_RDWR))
    #expect(throws: Errno.refused) { _ = try unixClient(path) }
    try group.current.listen(backlog: 5)
    #expect(throws: Errno.refused) { _ = try unixClient(path) }
    try group.listenAgain()
    let later = try unixClient(path)
    try expect(group, currentWaits: true)
    // Who came before is where it was.
    switch group.takeFormer() {
    case .some(let former):
      let taken = try drain(former)
      #expect(taken == 1)
    case .none: Issue.record("the listener that was shut down is gone")
    }
    _ = (early.descriptor.number, later.descriptor.number)
    group.remove()
  }

  // MARK: holding a path

  @Test func aSocketThatADeadProcessLeftIsReplaced() throws {
    do {
      let dead = try UnixSocket(.stream)
      try dead.bind(to: try #require(UnixAddress(path: path)))
      try dead.listen(backlog: 1)
    }
    let group = try UnixGenerations(path)
    let client = try unixClient(path)
    try expect(group, currentWaits: true)
    _ = client.descriptor.number
    group.remove()
  }

  @Test func aLivingSocketIsLeftToItsOwner() throws {
    let living = try UnixSocket(.stream)
    try living.bind(to: try #require(UnixAddress(path: path)))
    try living.listen(backlog: 8)
    #expect(throws: UnixGenerations.Refusal.inUse(pid: getpid())) { _ = try UnixGenerations(path) }
    #expect(directory.entries == ["service.sock"])
    let client = try unixClient(path)
    _ = client.descriptor.number
  }

  @Test func whatIsNoSocketIsNeverRemoved() throws {
    #expect(FileManager.default.createFile(atPath: path, contents: Data("precious".utf8)))
    #expect(throws: UnixGenerations.Refusal.noSocket) { _ = try UnixGenerations(path) }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
    #expect(directory.entries == ["service.sock"])
  }

  @Test func onlyOneHoldsAPath() throws {
    let group = try UnixGenerations(path)
    #expect(throws: UnixGenerations.Refusal.heldByAnother) { _ = try UnixGenerations(path) }
    let client = try unixClient(path)
    _ = client.descriptor.number
    group.remove()
  }

  @Test func whatADeadOwnerLeftBesideThePathIsClearedAway() throws {
    do {
      // Closed without `remove`, in the middle of a rest.
      var dead = try UnixGenerations(path)
      try dead.openNext()
      try dead.steerToNext()
      try dead.openNext()
    }
    #expect(directory.entries == [".service.sock.torpor", "service.sock"])
    let group = try UnixGenerations(path)
    let client = try unixClient(path)
    _ = client.descriptor.number
    group.remove()
    #expect(directory.entries.isEmpty)
  }

  @Test func somebodyElsesDirectoryIsNotTouched() throws {
    let foreign = directory.path + "/.service.sock.torpor"
    #expect(symlink("/etc", foreign) == 0)
    #expect(throws: UnixGenerations.Refusal.inTheWay(foreign)) { _ = try UnixGenerations(path) }
    #expect(directory.entries == [".service.sock.torpor"])
  }

  @Test func missingDirectoriesAreMade() throws {
    let deep = directory.path + "/one/two/x.sock"
    let group = try UnixGenerations(deep)
    #expect(try status(directory.path + "/one").st_mode & 0o777 == 0o755)
    let client = try unixClient(deep)
    _ = client.descriptor.number
    group.remove()
  }

  @Test func theEndRemovesOnlyOurOwn() throws {
    let group = try UnixGenerations(path)
    #expect(unlink(path) == 0)
    let other = try UnixSocket(.stream)
    try other.bind(to: try #require(UnixAddress(path: path)))
    group.remove()
    #expect(directory.entries == ["service.sock"])
    _ = other.descriptor.number
  }

  @Test func aNameBesideThePathThatIsRenamedOverItChangesNothing() throws {
    let group = try UnixGenerations(path)
    try group.linkBeside(suffix: ".4711.tmp")
    #expect(rename(path + ".4711.tmp", path) == 0)
    let client = try unixClient(path)
    try expect(group, currentWaits: true)
    group.removeBeside(suffix: ".4711.tmp")
    #expect(directory.entries == [".service.sock.torpor", "service.sock"])
    _ = client.descriptor.number
    group.remove()
  }
}
