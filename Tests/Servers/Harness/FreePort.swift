import Foundation
import Synchronization

private let nextCandidate = Mutex<UInt16>(UInt16(20000 + getpid() % 6000))

/// A port that is free on 127.0.0.1 and ::1. Below the ephemeral range (32768…), so that no client's own end can be on it.
func freePort() throws -> UInt16 {
  for _ in 0..<4000 {
    let port = nextCandidate.withLock { candidate in
      candidate = candidate >= 31999 ? 20000 : candidate + 1
      return candidate
    }
    if isFree(.v4(port)), isFree(.v6(port)) { return port }
  }
  throw SystemFailure("find a free port", EADDRINUSE)
}

private func isFree(_ endpoint: Endpoint) -> Bool {
  let descriptor = socket(endpoint.family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
  guard descriptor >= 0 else { return false }
  defer { close(descriptor) }
  return endpoint.withAddress { bind(descriptor, $0, $1) } == 0
}
