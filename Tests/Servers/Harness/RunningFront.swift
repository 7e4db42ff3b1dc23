import Foundation

/// The server in front, which runs for as long as the test.
final class RunningFront {
  let endpoint: Endpoint
  private let process: ChildProcess

  init(_ front: MatrixServer.Front) throws {
    endpoint = front.endpoint
    process = try ChildProcess(front.command)
    let deadline = Deadline(after: .seconds(10))
    // It listens when it takes a connection.
    while (try? Client(connectingTo: endpoint)) == nil {
      guard process.isRunning, !deadline.hasPassed else {
        let command = front.command.joined(separator: " ")
        throw Tool.Failed(description: "'\(command)' doesn't listen: \(process.errors.text)")
      }
      usleep(10_000)
    }
  }

  func end() { process.endWithDescendants() }
}
