import Glibc
import Testing

@testable import Linux

/// What a child is born with, as it sees it itself.
@Suite struct SpawnTests {
  private func output(of script: String, _ change: (inout Spawn) -> Void) throws -> String {
    var spawn = Spawn(path: "/bin/sh", arguments: ["sh", "-c", script], environment: ["PATH=/usr/bin:/bin"])
    let pipe = try OwnedFD.pipe()
    spawn.standardOutput = pipe.writing.number
    change(&spawn)
    let process = try spawn.run()
    var entry = pollfd(fd: process.handle.descriptor.number, events: Int16(POLLIN), revents: 0)
    let isEnded = poll(&entry, 1, 10_000) == 1
    if !isEnded { try process.handle.send(signal: SIGKILL) }
    var status: Int32 = 0
    waitpid(process.handle.pid, &status, 0)
    #expect(isEnded && status == 0)
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = try pipe.reading.read(into: &buffer)
    return String(decoding: buffer[..<count], as: UTF8.self)
  }

  @Test func theMaskTheDirectoryAndTheNicenessAreThoseAskedFor() throws {
    let text = try output(of: "umask; pwd; nice") { spawn in
      spawn.mask = 0o027
      spawn.directory = "/usr"
      spawn.nice = 7
    }
    #expect(text == "0027\n/usr\n7\n")
  }

  @Test func aDirectoryThatMayBeMissingIsTheRoot() throws {
    let text = try output(of: "pwd") { spawn in
      spawn.directory = "/there/is/none"
      spawn.directoryMayBeMissing = true
    }
    #expect(text == "/\n")
  }

  @Test func aMissingDirectoryIsNamedAsTheStepThatFailed() {
    #expect(throws: Spawn.Failure(step: .directory, errno: .noEntry)) {
      var spawn = Spawn(path: "/bin/true", arguments: ["true"], environment: [])
      spawn.directory = "/there/is/none"
      _ = try spawn.run()
    }
  }

  @Test func eachLimitIsSet() throws {
    let values: [ResourceLimit.Resource: (soft: UInt64, hard: UInt64)] = [
      .cpuTime: (100, 200), .fileSize: (1 << 20, 1 << 21), .data: (1 << 30, 1 << 31), .stack: (4 << 20, 8 << 20),
      .core: (0, 0), .residentSet: (1 << 30, 1 << 30), .processes: (500, 500), .files: (99, 111),
      .lockedMemory: (4096, 8192), .addressSpace: (1 << 33, 1 << 34), .locks: (5, 6), .pendingSignals: (33, 34),
      .messageQueues: (1000, 2000), .nice: (0, 0), .realtimePriority: (0, 0), .realtimeTime: (100_000, 200_000),
    ]
    #expect(values.count == ResourceLimit.Resource.allCases.count)
    let text = try output(of: "cat /proc/self/limits") { spawn in
      spawn.limits = values.map { ResourceLimit($0.key, soft: $0.value.soft, hard: $0.value.hard) }
    }
    let names: [ResourceLimit.Resource: String] = [
      .cpuTime: "Max cpu time", .fileSize: "Max file size", .data: "Max data size", .stack: "Max stack size",
      .core: "Max core file size", .residentSet: "Max resident set", .processes: "Max processes",
      .files: "Max open files", .lockedMemory: "Max locked memory", .addressSpace: "Max address space",
      .locks: "Max file locks", .pendingSignals: "Max pending signals", .messageQueues: "Max msgqueue size",
      .nice: "Max nice priority", .realtimePriority: "Max realtime priority", .realtimeTime: "Max realtime timeout",
    ]
    for (resource, value) in values {
      let name = try #require(names[resource])
      let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
      let fields = try #require(line).dropFirst(name.count).split(separator: " ")
      #expect(fields.first == "\(value.soft)" && fields[1] == "\(value.hard)", "\(name): \(fields)")
    }
  }

  @Test func theScoreOfTheChildIsNotOurs() throws {
    let before = ProcessFiles.contents(of: "/proc/self/oom_score_adj")
    let text = try output(of: "cat /proc/self/oom_score_adj") { $0.oomScoreAdjust = 321 }
    #expect(text == "321\n")
    #expect(ProcessFiles.contents(of: "/proc/self/oom_score_adj") == before)
  }

  @Test func brokenPipesAreIgnoredWhereAskedForAndNothingElse() throws {
    for (ignores, expected) in [(true, "0000000000001000"), (false, "0000000000000000")] {
      // cat, and not the shell, which sets handlers of its own.
      let text = try output(of: "exec cat /proc/self/status") { $0.ignoresBrokenPipes = ignores }
      #expect(text.contains("SigIgn:\t\(expected)"))
      #expect(text.contains("NoNewPrivs:\t0"))
    }
  }

  @Test func itsOwnPidIsInEachVariableThatWantsIt() throws {
    let text = try output(of: "echo $$ ${LISTEN_PID}. $WATCHDOG_PID") { spawn in
      spawn.sockets = [0]
      spawn.pidVariables = ["WATCHDOG_PID"]
    }
    let words = text.split(separator: " ").map { $0.prefix { $0.isNumber } }
    #expect(words.count == 3 && Set(words).count == 1 && words.first?.isEmpty == false)
  }

  @Test(.enabled(if: geteuid() == 0, "needs root, to change the user"))
  func userGroupAndGroupsAreApart() throws {
    let text = try output(of: "exec cat /proc/self/status") { spawn in
      spawn.identity = Spawn.Identity(user: 65534, group: 12, groups: [12, 34])
      // What only root may do is done before the user changes; the limit that it leaves is low.
      spawn.nice = -3
      spawn.oomScoreAdjust = 100
      spawn.limits = [ResourceLimit(.files, soft: 20, hard: 30)]
      spawn.forbidsNewPrivileges = true
    }
    for line in [
      "Uid:\t65534\t65534\t65534\t65534", "Gid:\t12\t12\t12\t12", "Groups:\t12 34", "NoNewPrivs:\t1",
      "CapEff:\t0000000000000000",
    ] {
      #expect(text.contains(line), "\(line) in \(text)")
    }
  }

  /// As systemd does: infinity is more than fs.nr_open allows even root.
  @Test func aLimitThatMayNotBeRaisedIsTheHighestThereIs() throws {
    let present = try #require(FileLimit.current)
    let text = try output(of: "ulimit -Sn; ulimit -Hn") { spawn in
      spawn.limits = [ResourceLimit(.files, soft: 50, hard: ResourceLimit.infinity)]
    }
    #expect(text == "50\n\(present.hard)\n")
  }
}
