import Glibc

/// The protocol of sd_listen_fds(3).
enum PassedListeners {
  private static let firstDescriptor: Int32 = 3

  static func take() -> [Int32] {
    let pid = environment("LISTEN_PID")
    guard pid == String(getpid()) else {
      die("LISTEN_PID is \(pid ?? "not set"), this process is \(getpid())", exitCode: 7)
    }
    let number = environment("LISTEN_FDS")
    guard let count = number.flatMap(Int32.init), count > 0, count < 60 else {
      die("LISTEN_FDS is \(number ?? "not set")", exitCode: 7)
    }
    say("oddserver: LISTEN_FDNAMES=\(environment("LISTEN_FDNAMES") ?? "")")
    let descriptors = Array(firstDescriptor..<firstDescriptor + count)
    for descriptor in descriptors where option(SO_ACCEPTCONN, level: SOL_SOCKET, of: descriptor) != 1 {
      die("descriptor \(descriptor) is not a listening socket", exitCode: 7)
    }
    return descriptors
  }
}

func environment(_ name: String) -> String? {
  getenv(name).map { String(cString: $0) }
}
