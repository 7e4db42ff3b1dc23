import Glibc

/// One write a line, so that lines of several threads or processes are not mixed.
func say(_ text: String, to descriptor: Int32 = STDERR_FILENO) {
  let bytes = Array((text + "\n").utf8)
  _ = write(descriptor, bytes, bytes.count)
}

/// Ends the process with a code that tells a test which expectation was broken.
func die(_ reason: String, exitCode: Int32) -> Never {
  say("oddserver: \(reason)")
  exit(exitCode)
}

/// When something fails that no behaviour asked for.
func dieOfSystemError(_ attempt: String) -> Never {
  die("\(attempt): \(String(cString: strerror(errno)))", exitCode: 1)
}

func sleepMilliseconds(_ milliseconds: Int) {
  var left = timespec(tv_sec: milliseconds / 1000, tv_nsec: milliseconds % 1000 * 1_000_000)
  var unslept = timespec()
  while nanosleep(&left, &unslept) != 0 && errno == EINTR { left = unslept }
}

func sleepForEver() -> Never {
  while true { pause() }
}

func setOption(_ option: Int32, level: Int32, to value: Int32, on descriptor: Int32) {
  var value = value
  guard setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) == 0 else {
    dieOfSystemError("setsockopt \(level) \(option)")
  }
}

func option(_ option: Int32, level: Int32, of descriptor: Int32) -> Int32 {
  var value: Int32 = 0
  var length = socklen_t(MemoryLayout<Int32>.size)
  return getsockopt(descriptor, level, option, &value, &length) == 0 ? value : -1
}

func hasStatusFlag(_ flag: Int32, _ descriptor: Int32) -> Bool {
  fcntl(descriptor, F_GETFL) & flag != 0
}
