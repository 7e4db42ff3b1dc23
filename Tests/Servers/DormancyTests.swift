import Foundation
import Testing

extension ServerTests {
  /// Dormant costs nothing.
  @Suite struct DormancyTests {
    /// `TORPOR_DORMANT_SECONDS` makes the looks longer.
    static let duration = Duration.seconds(Machine.number("TORPOR_DORMANT_SECONDS", default: 10))

    @Test(.enabled(if: Machine.canTrace, "strace isn't installed"))
    func noSystemCallIsMadeWhileDormant() throws {
      try withRestedTorpor { torpor, directory in
        let file = directory.path("trace")
        let trace = try ChildProcess(["strace", "-f", "-p", "\(torpor.pid)", "-o", file])
        defer { trace.killAndWait() }
        try #require(trace.errors.contains("attached", within: .seconds(5)), "\(trace.errors.text)")
        try #require(try torpor.hears(noneOf: .waking, .warning, .dormant, for: Self.duration))
        trace.send(SIGINT)
        _ = trace.waitForExit(within: .seconds(5))
        // The one that it was in when the trace began, and is still in.
        let calls = directory.lines(of: "trace")
        try #require(
          calls.count == 1 && calls.allSatisfy { $0.contains("epoll_") && $0.contains("detached") }, "\(calls)")
      }
    }

    @Test func theKernelDoesNotSwitchToADormantProcess() throws {
      try withRestedTorpor { torpor, _ in
        let before = ProcessTable.contextSwitches(torpor.pid)
        try #require(before.count == 2)
        try #require(try torpor.hears(noneOf: .waking, .warning, .dormant, for: Self.duration))
        try #require(ProcessTable.contextSwitches(torpor.pid) == before)
      }
    }

    @Test func aDormantSocketIsOneDescriptor() throws {
      let counts = try [1, 3].map { count in
        let endpoints = try (0..<count).map { _ in Endpoint.v4(try freePort()) }
        let arguments = endpoints.flatMap { ["-l", "\($0)"] } + ["--", "true"]
        return try TorporProcess.run(arguments) { torpor in
          for endpoint in endpoints {
            try #require(ProcessTable.listeners(torpor.pid, port: endpoint.port).count == 1)
          }
          return ProcessTable.descriptors(torpor.pid).count
        }
      }
      #expect(counts[1] - counts[0] == 2)
    }

    @Test func aLifeOfTheServiceLeavesNoDescriptorBehind() throws {
      try OddServer.run { torpor, endpoint in
        try torpor.wakeAndRest(endpoint)
        try torpor.waitFor(.dormant)
        let afterOne = ProcessTable.descriptors(torpor.pid).count
        for _ in 0..<10 { try torpor.wakeAndRest(endpoint) }
        try torpor.waitFor(.dormant)
        try #require(ProcessTable.descriptors(torpor.pid).count == afterOne)
        try #require(ProcessTable.listeners(torpor.pid, port: endpoint.port).count == 1)
      }
    }

    /// Dormant again after a life: what a life needed must be gone, too.
    private func withRestedTorpor(_ body: (TorporProcess, TemporaryDirectory) throws -> Void) throws {
      let directory = try TemporaryDirectory()
      try OddServer.run { torpor, endpoint in
        try torpor.wakeAndRest(endpoint)
        try torpor.waitFor(.dormant)
        // Back in its one wait: the report of being dormant comes shortly before.
        try #require(torpor.settles())
        try body(torpor, directory)
      }
    }
  }
}

extension TorporProcess {
  /// Waits until it sleeps in one and the same system call for 0.1 s.
  func settles() -> Bool {
    let deadline = Deadline(after: .seconds(5))
    var before: [String] = []
    while !deadline.hasPassed {
      let now = ProcessTable.contextSwitches(pid)
      if now == before, ProcessTable.statFields(pid)?.first == "S" { return true }
      before = now
      _ = process.waitForExit(within: .milliseconds(100))
    }
    return false
  }
}
