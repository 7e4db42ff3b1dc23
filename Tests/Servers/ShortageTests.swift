import Foundation
import Testing

extension ServerTests {
  /// What there is too little of for a moment is there again later: nothing is given up for it.
  @Suite struct ShortageTests {
    @Test(
      .enabled(if: ProcessLimit.isAvailable, "needs root and the pids controller of cgroups"),
      .enabled(if: Machine.canFreeze, "needs a cgroup below our own"))
    func aServiceForWhichThereWasNoProcessHasItsCgroupTheNextTime() throws {
      try OddServer.run(idle: "10s") { torpor, endpoint in
        let limit = try ProcessLimit(of: torpor.pid)
        defer { limit.lift() }
        limit.set("0")
        let client = try Client(connectingTo: endpoint)
        try client.send(Exchange.ping.request)
        let failed = try torpor.waitFor(.failed)
        #expect(failed.reason?.contains("no process could be made") == true, "\(failed.reason ?? "")")
        limit.set("max")
        let reply = try client.receive(within: .seconds(10)) { $0.hasSuffix("\r\n") }
        #expect(reply == "+PONG\r\n")
        let pid = try #require(try torpor.waitFor(.serving).pid)
        let groups = try #require(ProcessTable.contents(of: "/proc/\(pid)/cgroup"))
        let own = groups.split(separator: "\n").first { $0.hasPrefix("0::") }
        #expect(own?.contains("/torpor-") == true, "\(groups)")
        #expect(torpor.count(of: .warning) == 0)
      }
    }

    /// Each bind() leaves a file that a child is to close, and no child can be had.
    @Test(
      .enabled(if: ProcessLimit.isAvailable, "needs root and the pids controller of cgroups"),
      .enabled(if: RealServer.python.program != nil, "python3 isn't installed"))
    func aBindThatWaitedForOurClosersGoesOnWhenTheyCanBeHad() throws {
      let directory = try TemporaryDirectory()
      let endpoint = Endpoint.v4(try freePort())
      let script = try directory.write(
        """
        import socket, sys
        def bound(port):
          s = socket.socket()
          s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
          s.bind(("127.0.0.1", port))
          return s
        listener = bound(int(sys.argv[1]))
        listener.listen()
        while True:
          connection, _ = listener.accept()
          for _ in range(200 if connection.recv(100) == b"many" else 0): bound(int(sys.argv[2])).close()
          connection.sendall(b"+PONG\\r\\n")
        """, to: "binder.py")
      let command = [try #require(RealServer.python.program), "-SE", script, "\(endpoint.port)", "\(try freePort())"]
      try TorporProcess.run(["-l", "\(endpoint)", "--idle", "1h", "--"] + command) { torpor in
        try Client.ask(endpoint, .ping)
        try torpor.waitFor(.serving)
        let limit = try ProcessLimit(of: torpor.pid)
        defer { limit.lift() }
        limit.set("0")
        let client = try Client(connectingTo: endpoint)
        try client.send("many")
        #expect(client.hearsNothing(for: .milliseconds(500)))
        limit.set("max")
        let reply = try client.receive(within: .seconds(10)) { $0.hasSuffix("\r\n") }
        #expect(reply == "+PONG\r\n")
      }
    }

    /// The one that it goes on as can't be watched, or has ended meanwhile: nobody else would tell of its end.
    @Test(.enabled(if: Machine.canTrace, "strace isn't installed"))
    func aServiceWhoseSuccessorCannotBeFollowedHasEnded() throws {
      let endpoint = Endpoint.v4(try freePort())
      let arguments = ["-l", "\(endpoint)", "--idle", "1h", "--handover", "listen-fds", "--"]
      // -D: what is started is torpor itself.
      let tracing = [
        "strace", "-D", "-qq", "-o", "/dev/null", "-e", "trace=pidfd_open", "-e",
        "inject=pidfd_open:error=EMFILE:when=1",
      ]
      try TorporProcess.run(
        arguments + ["/bin/sh", "-c", "sleep 60 & exit 0"], wrapper: tracing, confinement: nil
      ) { torpor in
        let client = try Client(connectingTo: endpoint)
        try torpor.waitFor(.failed)
        client.close()
      }
    }
  }
}

/// A cgroup with a limit on processes, of the version that has the controller, for a process and those that it starts.
struct ProcessLimit {
  private static let roots = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"]
  private static func path(below root: String) -> String { "\(root)/torpor-tests-pids-\(getpid())" }
  private let path: String
  private let root: String

  static let isAvailable = Machine.isRoot && roots.contains { made(below: $0, keep: false) }

  private static func made(below root: String, keep: Bool) -> Bool {
    let path = path(below: root)
    guard mkdir(path, 0o755) == 0 else { return false }
    let hasController = access(path + "/pids.max", W_OK) == 0
    if !keep || !hasController { rmdir(path) }
    return hasController
  }

  init(of pid: pid_t) throws {
    root = try #require(Self.roots.first { Self.made(below: $0, keep: true) })
    path = Self.path(below: root)
    Self.write("\(pid)", to: path + "/cgroup.procs")
  }

  func set(_ limit: String) { Self.write(limit, to: path + "/pids.max") }

  func lift() {
    set("max")
    for pid in (ProcessTable.contents(of: path + "/cgroup.procs") ?? "").split(separator: "\n") {
      Self.write(String(pid), to: root + "/cgroup.procs")
    }
    rmdir(path)
  }

  private static func write(_ text: String, to path: String) {
    let file = open(path, O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    _ = Glibc.write(file, text, text.utf8.count)
    close(file)
  }
}
