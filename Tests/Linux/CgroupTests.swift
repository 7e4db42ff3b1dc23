import Glibc
import Testing

@testable import Linux

@Suite struct CgroupTests {
  @Test func theDirectoryIsFoundWhereverVersionTwoIsMounted() {
    let hybrid = """
      31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
      38 31 0:35 / /sys/fs/cgroup/blkio rw,relatime - cgroup cgroup rw,blkio
      41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
      """
    let groups = "9:name=systemd:/\n8:pids:/\n0::/\n"
    #expect(Cgroup.directory(groups: groups, mounts: hybrid) == "/sys/fs/cgroup/unified")
    #expect(Cgroup.directory(groups: "0::/user.slice/a", mounts: hybrid) == "/sys/fs/cgroup/unified/user.slice/a")
  }

  @Test func aMountOfASubtreeShowsWhatLiesBelowIt() {
    let mounts = "41 31 0:38 /docker/4711 /sys/fs/cgroup ro,nosuid shared:9 - cgroup2 cgroup rw"
    #expect(Cgroup.directory(groups: "0::/docker/4711", mounts: mounts) == "/sys/fs/cgroup")
    #expect(Cgroup.directory(groups: "0::/docker/4711/x", mounts: mounts) == "/sys/fs/cgroup/x")
    #expect(Cgroup.directory(groups: "0::/docker/47", mounts: mounts) == nil)
  }

  @Test func anEscapedMountPointIsUnescaped() {
    let mounts = #"41 31 0:38 / /mnt/my\040cgroups rw - cgroup2 cgroup2 rw"#
    #expect(Cgroup.directory(groups: "0::/", mounts: mounts) == "/mnt/my cgroups")
  }

  @Test func withoutVersionTwoThereIsNone() {
    #expect(Cgroup.directory(groups: "3:cpu:/", mounts: "1 1 0:1 / / rw - cgroup cgroup rw,cpu") == nil)
    #expect(Cgroup.directory(groups: "", mounts: "") == nil)
  }

  /// A container engine puts its containers into cgroups of their own, below the one that it was started in.
  @Test(.enabled(if: Cgroup.own() != nil)) func whatIsInACgroupBelowBelongsToIt() throws {
    let parent = try #require(Cgroup.own())
    let cgroup = try Cgroup(named: "torpor-below-\(getpid())", in: parent)
    let inner = cgroup.path + "/a/b.scope"
    let script = "mkdir -p '\(inner)' && echo $$ > '\(inner)/cgroup.procs' && exec sleep 600"
    var spawn = Spawn(path: "/bin/sh", arguments: ["sh", "-c", script], environment: ["PATH=/usr/bin:/bin"])
    spawn.cgroup = cgroup.directory.number
    let process = try spawn.run()
    let pid = process.handle.pid
    defer {
      kill(pid, SIGKILL)
      waitpid(pid, nil, 0)
    }
    for _ in 0..<500 where ProcessFiles.name(of: pid) != "sleep" { usleep(10_000) }
    let own = ProcessFiles.contents(of: cgroup.path + "/cgroup.procs")
    #expect(own == "")
    let (processes, ids) = (cgroup.processes, cgroup.ids)
    #expect(processes == [pid])
    #expect(Set(ids).count == 3)
  }

  /// On the real kernel, with a process of our own.
  @Test(.enabled(if: Cgroup.own() != nil)) func whatIsFrozenStandsStillAndCanBeKilled() throws {
    let parent = try #require(Cgroup.own())
    let cgroup = try Cgroup(named: "torpor-test-\(getpid())", in: parent)
    var spawn = Spawn(path: "/bin/sh", arguments: ["sh", "-c", "while :; do :; done"], environment: [])
    spawn.cgroup = cgroup.directory.number
    let process = try spawn.run()
    #expect(try becomes(true, cgroup.path, "populated 1"))
    try cgroup.setFrozen(true)
    let isToFreeze = cgroup.isToFreeze
    #expect(isToFreeze)
    #expect(try becomes(true, cgroup.path, "frozen 1"))
    let before = ProcessFiles.contents(of: cgroup.path + "/cpu.stat")
    usleep(50_000)
    #expect(ProcessFiles.contents(of: cgroup.path + "/cpu.stat") == before)
    try cgroup.setFrozen(false)
    #expect(try becomes(false, cgroup.path, "frozen 1"))
    try cgroup.setFrozen(true)
    #expect(try becomes(true, cgroup.path, "frozen 1"))
    let isKilled = cgroup.kill()
    #expect(isKilled)
    #expect(try becomes(false, cgroup.path, "populated 1"))
    var status: Int32 = 0
    let pid = process.handle.pid
    #expect(unsafe waitpid(pid, &status, 0) == pid)
    #expect(status & 0x7f == SIGKILL)
  }

  private func becomes(_ wanted: Bool, _ path: String, _ line: String) throws -> Bool {
    for _ in 0..<200 {
      let events = try #require(ProcessFiles.contents(of: path + "/cgroup.events"))
      if events.split(separator: "\n").contains(Substring(line)) == wanted { return true }
      usleep(10_000)
    }
    return false
  }
}
