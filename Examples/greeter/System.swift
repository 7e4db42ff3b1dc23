import Glibc

/// Ready to be read when SIGTERM has come.
let terminationPipe = {
  var ends: [Int32] = [-1, -1]
  guard pipe(&ends) == 0 else { fail("cannot make a pipe: \(String(cString: strerror(errno)))", exitCode: 1) }
  return (readEnd: ends[0], writeEnd: ends[1])
}()

/// Those of the descriptors that can be read, or none when the time is over.
func waitForAny(of descriptors: [Int32], milliseconds: Int32) -> [Int32] {
  var interests = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
  guard poll(&interests, nfds_t(interests.count), milliseconds) > 0 else { return [] }
  return interests.filter { $0.revents != 0 }.map(\.fd)
}

func nowMilliseconds() -> Int {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

func say(_ line: String, to descriptor: Int32 = STDOUT_FILENO) {
  _ = write(descriptor, line + "\n", line.utf8.count + 1)
}

func fail(_ reason: String, exitCode: Int32) -> Never {
  say("greeter: \(reason)", to: STDERR_FILENO)
  exit(exitCode)
}
