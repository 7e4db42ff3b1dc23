import Foundation
import Testing

extension OwnDataTests {
  /// A sense that can't see what it would have to: the service counts as busy, somebody is told once, and it rests in time when it can
  /// be seen again.
  @Suite(.enabled(if: WorkingServer.program != nil, "python3 isn't there")) struct SenseFailureTests {
    private static let idle = 2.0
    private static let canHide = Machine.canHideCgroups && Machine.find("nsenter") != nil

    /// What is mounted in torpor's own mount namespace, after it has started.
    private struct Mounts {
      let pid: pid_t
      func run(_ command: String...) throws {
        try Tool.run(["nsenter", "--target", "\(pid)", "--mount", "--"] + command)
      }
    }

    /// The service is not put to rest while `hide` is so, and one warning says why; when `show` is done it is.
    private func requireBusy(
      senses: String, wrapper: [String], says text: String, _ hide: (Mounts) throws -> Void,
      _ show: (Mounts) throws -> Void
    ) throws {
      let options = ["--senses", senses]
      try WorkingServer.run(options: options, wrapper: wrapper) { torpor, endpoint, _ in
        try Client.ask(endpoint, WorkingServer.order("PING"))
        try torpor.waitFor(.serving)
        let mounts = Mounts(pid: torpor.pid)
        try hide(mounts)
        let warning = try torpor.waitFor(.warning, within: .seconds(3))
        try #require(try #require(warning.message).contains(text), "\(warning.message ?? "")")
        try #require(try #require(warning.message).hasSuffix("the service counts as busy"))
        // Once, however often it is looked for in vain.
        try #require(try torpor.hears(noneOf: .resting, .rested, .failed, .warning, for: .seconds(4)))
        try Client.ask(endpoint, WorkingServer.order("PING"))
        try show(mounts)
        let end = wallClockSeconds()
        let resting = try torpor.waitFor(.resting, within: .seconds(8))
        try #require(resting.time - end >= Self.idle - 0.3)
        try #require(resting.time - end <= Self.idle * 1.125 + 0.6)
        try torpor.waitFor(.rested)
      }
    }

    @Test(
      .enabled(if: canHide, "needs root, unshare and nsenter, to hide /proc"),
      arguments: [
        ("processing", "processor time can't be read"), ("channels", "descriptors of its processes can't be read"),
      ])
    func withoutProcNothingIsKnownOfAProcessTree(senses: String, text: String) throws {
      try requireBusy(senses: senses, wrapper: Machine.withoutCgroup, says: text) {
        try $0.run("mount", "-t", "tmpfs", "none", "/proc")
      } _: {
        try $0.run("umount", "/proc")
      }
    }

    @Test(
      .enabled(if: canHide && Machine.canFreeze, "needs root, unshare, nsenter and a cgroup v2 that can be written"))
    func aCgroupThatIsGoneTellsNothing() throws {
      let point = try #require(Self.cgroupMount)
      let wrapper = [Machine.find("unshare") ?? "unshare", "--mount", "--"]
      try requireBusy(senses: "processing", wrapper: wrapper, says: "processor time can't be read") {
        try $0.run("umount", "--lazy", point)
      } _: {
        try $0.run("mount", "-t", "cgroup2", "none", point)
      }
    }

    private static let cgroupMount = (ProcessTable.contents(of: "/proc/self/mountinfo") ?? "").split(separator: "\n")
      .first { $0.contains(" - cgroup2 ") }.map { String($0.split(separator: " ")[4]) }

    @Test(arguments: ["open", "active"]) func whereSockDiagIsRefusedItNeverRests(connections: String) throws {
      let options = ["--senses", "connections", "--connections", connections]
      try OddServer.run(idle: "500ms", options: options, confinement: .blind) { torpor, endpoint in
        try Client.ask(endpoint, .ping)
        let first = try torpor.waitFor(.warning)
        let message = try #require(first.message)
        try #require(
          message == "the service's connections can't be listed (sock_diag(7)): Operation not permitted: "
            + "the service counts as busy"
        )
        try #require(try torpor.hears(noneOf: .resting, .rested, .failed, .warning, for: .seconds(3)))
        // It serves all the same.
        let took = try Client.ask(endpoint, .ping)
        try #require(took < .milliseconds(500))
      }
    }
  }
}
