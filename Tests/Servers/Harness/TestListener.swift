import Foundation
import Glibc

/// A listening socket of the test itself: it plays the service that a relay leads to.
final class TestListener {
  private var descriptor: Int32
  let endpoint: Endpoint

  init(_ endpoint: Endpoint) throws {
    self.endpoint = endpoint
    descriptor = socket(endpoint.family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw SystemFailure("make a socket") }
    var on: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
    let number = descriptor
    guard endpoint.withAddress({ bind(number, $0, $1) }) == 0, listen(descriptor, 512) == 0 else {
      throw SystemFailure("listen on \(endpoint)")
    }
  }

  deinit { close() }

  func close() {
    if descriptor >= 0 { Glibc.close(descriptor) }
    descriptor = -1
  }

  func accept(within limit: Duration = .seconds(10)) throws -> Client {
    guard hasConnection(within: limit) else { throw SystemFailure("accept a connection", ETIMEDOUT) }
    let accepted = ChildProcess.whileNoneBegins {
      let accepted = Glibc.accept(descriptor, nil, nil)
      _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
      return accepted
    }
    guard accepted >= 0 else { throw SystemFailure("accept a connection") }
    _ = fcntl(accepted, F_SETFL, O_NONBLOCK)
    return Client(accepted: accepted)
  }

  func hasConnection(within limit: Duration) -> Bool {
    var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&item, 1, Deadline(after: limit).remainingMilliseconds) == 1
  }
}
