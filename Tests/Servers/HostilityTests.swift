import Foundation
import Testing

extension ServerTests {
  /// A service that attacks whoever adopts its sockets (Tests/hostile): torpor lives, loses no descriptor, gives it nothing that
  /// isn't its own, and serves its clients and those of others.
  @Suite struct HostilityTests {
    @Test(arguments: [
      "race", "lengths", "pointers", "descriptors", "threads", "flood", "forks", "die", "exec", "crowd", "linger",
      "explode", "connected",
    ])
    func anAttackHarmsNobody(attack: String) throws { try endure(attack) }

    @Test(.enabled(if: Machine.isRoot, "needs root, to change the user"), arguments: ["race", "threads", "die"])
    func noneOfAnotherUsersService(attack: String) throws { try endure(attack, options: ["--user", "nobody"]) }

    @Test(.enabled(if: Machine.isRoot, "needs root, for a network namespace"))
    func aProcessThatIsCutOffFromTheNetworkGetsNoSocketOfIt() throws { try endure("namespace") }

    /// With a unix path held, more of its calls are asked about, and more of it is looked at.
    @Test(arguments: ["threads", "crowd", "explode", "die"])
    func noneOfOneThatHasAPathToo(attack: String) throws { try endure(attack, holdsPath: true) }

    @Test(.enabled(if: Machine.isRoot && access("/dev/fuse", R_OK | W_OK) == 0, "needs root and FUSE"))
    func aFileSystemThatNeverAnswersKeepsNobodyWaiting() throws { try endure("filesystem", holdsPath: true) }

    @Test(arguments: ["notify", "words"])
    func aFloodOfNotificationsIsOutlasted(attack: String) throws { try endure(attack, options: ["--ready", "notify"]) }

    /// Where seccomp is refused: the calls come by a socket, to which a service can send what it likes.
    @Test(arguments: [
      "packets", "connections", "race", "lengths", "pointers", "descriptors", "threads", "forks", "die", "exec",
      "linger", "explode", "connected",
    ])
    func noneOfOneWithThePreloadedLibrary(attack: String) throws { try endure(attack, confinement: .refuse) }

    @Test(arguments: ["threads", "die"])
    func noneOfOneWithThePreloadedLibraryThatHasAPathToo(attack: String) throws {
      try endure(attack, holdsPath: true, confinement: .refuse)
    }

    @Test func whoIsNotOfTheServiceIsGivenNothingEvenWithItsSecret() throws {
      try OddServer.run(idle: "10s", confinement: .refuse) { torpor, endpoint in
        try Client.ask(endpoint, .ping)
        let pid = try #require(try torpor.waitFor(.serving).pid)
        let stranger = try ChildProcess(
          [Binaries.built.hostile, "stranger", "\(endpoint.port)", "0", "0", "/proc/\(pid)/environ"])
        defer { stranger.killAndWait() }
        let status = stranger.waitForExit(within: .seconds(20))
        try #require(status == .exited(0), "\(stranger.errors.text)")
        try Client.ask(endpoint, .ping)
      }
    }

    /// Two lives under attack, beside an innocent service.
    private func endure(
      _ attack: String, options: [String] = [], holdsPath: Bool = false, confinement: Confinement? = .everywhere
    ) throws {
      let copies = try TemporaryDirectory()
      let path = holdsPath ? [copies.path("held.sock")] : []
      let binaries = try Binaries.built.copied(to: copies)
      let neighbour = Endpoint.v4(try freePort())
      let neighbourly = ["-l", "\(neighbour)", "--idle", "20ms", "--"] + OddServer.command(neighbour)
      try TorporProcess.run(neighbourly) { innocent in
        let held = Endpoint.v4(try freePort())
        let ports = [held.port, try freePort(), neighbour.port].map(String.init)
        let arguments =
          ["-l", "\(held)", "--idle", "100ms"] + path.flatMap { ["-l", $0] } + options
          + ["--", binaries.hostile, attack] + ports + path
        try TorporProcess.run(arguments, confinement: confinement, binaries: binaries) { torpor in
          let first = try live(torpor, held, neighbour)
          let second = try live(torpor, held, neighbour)
          print(
            "hostile: \(attack): its client waited \(first.waited), the neighbour's at most \(first.neighbourWaited);",
            "descriptors \(first.descriptors) and \(second.descriptors),",
            "\(second.kilobytes - first.kilobytes) KiB more")
          #expect(second.descriptors == first.descriptors)
          #expect(second.kilobytes - first.kilobytes < 1024)
          for life in [first, second] { #expect(life.neighbourWaited < .seconds(2)) }
          try #require(torpor.count(of: .failed) == 0)
          // Each kind is told once, in each life at most.
          #expect(torpor.count(of: .warning) < 20)
        }
        try #require(innocent.count(of: .failed) == 0)
      }
    }

    private struct Life {
      var waited: Duration
      var neighbourWaited: Duration
      var descriptors: Int
      var kilobytes: Int
    }

    private func live(_ torpor: TorporProcess, _ held: Endpoint, _ neighbour: Endpoint) throws -> Life {
      let visitor = Visitor(neighbour)
      let waited = try Client.ask(held, .ping, within: .seconds(20))
      try torpor.waitFor(.rested, within: .seconds(20))
      try torpor.waitFor(.dormant)
      let neighbourWaited = try visitor.finish()
      try torpor.requireNothingRuns()
      try #require(ProcessTable.armedTimers(torpor.pid).isEmpty)
      let memory = ProcessTable.status(torpor.pid, "RssAnon").flatMap { Int($0.prefix { $0.isNumber }) }
      return Life(
        waited: waited, neighbourWaited: neighbourWaited,
        descriptors: ProcessTable.descriptors(torpor.pid).count, kilobytes: try #require(memory))
    }
  }
}

/// Asks a service again and again, on a thread of its own.
private final class Visitor: @unchecked Sendable {
  private let condition = NSCondition()
  private var isOver = false
  private var hasEnded = false
  private var longest = Duration.zero
  private var failure: String?

  init(_ endpoint: Endpoint) {
    Thread.detachNewThread { [self] in
      while !condition.withLock({ isOver }) {
        do {
          let duration = try Client.ask(endpoint, .ping)
          condition.withLock { longest = max(longest, duration) }
        } catch { condition.withLock { failure = "\(error)" } }
        usleep(20000)
      }
      condition.withLock {
        hasEnded = true
        condition.broadcast()
      }
    }
  }

  /// The longest that it had to wait for an answer.
  func finish() throws -> Duration {
    let deadline = Deadline(after: .seconds(15))
    return try condition.withLock {
      isOver = true
      while !hasEnded { if !condition.wait(until: deadline.date) { break } }
      try #require(hasEnded)
      let problem = failure
      try #require(problem == nil)
      return longest
    }
  }
}
