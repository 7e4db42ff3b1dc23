import Foundation
import Testing

/// A running `fakemanager` and its socket.
final class FakeManagerProcess {
  let process: ChildProcess
  let socket: String
  private let directory: TemporaryDirectory

  init(units: Int = 4, clients: Int? = nil, in directory: TemporaryDirectory? = nil) throws {
    let directory = try directory ?? TemporaryDirectory()
    self.directory = directory
    socket = directory.path("control")
    process = try ChildProcess(
      [Binaries.built.directory + "/fakemanager", socket, "\(units)"] + (clients.map { ["\($0)"] } ?? []))
    guard process.output.contains("ready", within: .seconds(10)) else {
      process.killAndWait()
      throw SystemFailure("start fakemanager: \(process.errors.text)")
    }
  }

  deinit { process.killAndWait() }

  func connect() throws -> ControlConnection { try ControlConnection(to: socket) }

  /// That somebody who behaves is answered, and how long that takes.
  @discardableResult
  func answers(within limit: Duration = .seconds(5)) throws -> Duration {
    let start = ContinuousClock.now
    let connection = try connect()
    connection.call("io.torpor.Manager.Describe", #"{"name":"unit-0"}"#)
    let reply = try #require(try connection.reply(within: limit))
    #expect(reply.error == nil)
    return ContinuousClock.now - start
  }

  func said(_ line: String, within limit: Duration = .seconds(5)) -> Bool {
    process.output.contains(line, within: limit)
  }

  var descriptorCount: Int { ProcessTable.descriptors(process.pid).count }

  var residentBytes: Int {
    let statm = ProcessTable.contents(of: "/proc/\(process.pid)/statm") ?? ""
    return (statm.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 4096
  }
}
