import Foundation
import Glibc

/// Says what it is told to, on one connection: the first part at once (it may be empty), each other part after it has heard
/// something. Then it closes, so that what is missing will never come.
final class ScriptedServer: Sendable {
  let endpoint: Endpoint
  private let listener: Int32

  init(_ parts: [[UInt8]]) throws {
    endpoint = .v4(try freePort())
    listener = socket(endpoint.family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    let listener = listener
    guard listener >= 0, endpoint.withAddress({ bind(listener, $0, $1) }) == 0, listen(listener, 5) == 0 else {
      throw SystemFailure("listen on \(endpoint)")
    }
    Thread.detachNewThread { Self.serve(listener, parts) }
  }

  deinit { close(listener) }

  private static func serve(_ listener: Int32, _ parts: [[UInt8]]) {
    let connection = accept(listener, nil, nil)
    guard connection >= 0 else { return }
    defer { close(connection) }
    _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
    for (index, part) in parts.enumerated() {
      if index > 0 { guard hears(connection) else { return } }
      guard send(connection, part, part.count, Int32(MSG_NOSIGNAL)) == part.count else { return }
    }
    // Closing with something unread would reset the connection.
    shutdown(connection, Int32(SHUT_WR))
    while hears(connection) {}
  }

  private static func hears(_ connection: Int32) -> Bool {
    var item = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
    guard poll(&item, 1, 5000) == 1 else { return false }
    var buffer = [UInt8](repeating: 0, count: 4096)
    return recv(connection, &buffer, buffer.count, 0) > 0
  }
}
