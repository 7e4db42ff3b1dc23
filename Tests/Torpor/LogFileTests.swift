import Foundation
import Glibc
import Linux
import Testing

@testable import Torpor

@Suite(.serialized) struct LogFileTests {
  private struct Absent: Error {}

  /// What #require can't take.
  private static func present(_ opened: consuming LogFile.Opened?) throws -> LogFile.Opened {
    guard let opened = consume opened else { throw Absent() }
    return opened
  }

  private final class Scene {
    let directory: TestDirectory
    let logs: LogDirectory
    var warnings: [String] = []

    init(in parent: String = NSTemporaryDirectory(), subdirectory: String = "/logs") throws {
      directory = try TestDirectory(in: parent)
      logs = LogDirectory(directory.path + subdirectory)
      logs.onWarning = { [unowned self] in warnings.append($0) }
    }

    func write(_ text: String, to log: LogFile) throws -> LogFile.Mark {
      let opened = try LogFileTests.present(log.open())
      _ = try opened.descriptor.write(Array(text.utf8))
      return opened.mark
    }

    func text(_ name: String) -> String? { directory.text("logs/" + name) }
  }

  private func run(_ loop: EventLoop, until isDone: @escaping () -> Bool) throws {
    let end = MonotonicClock.now() + 10_000_000_000
    var timer = try Timer()
    try timer.set(to: MonotonicClock.now())
    let token = try loop.add(timer.descriptor, for: .readable) { [loop] _ in
      timer.acknowledge()
      if isDone() || MonotonicClock.now() > end { return loop.stop() }
      try? timer.set(to: MonotonicClock.now() + 2_000_000)
    }
    try loop.run()
    loop.remove(token, timer.descriptor)
  }

  @Test func aServiceWritesToItsOwnFile() throws {
    let scene = try Scene()
    let log = LogFile("redis", in: scene.logs)
    _ = try scene.write("one\n", to: log)
    _ = try scene.write("two\n", to: log)
    #expect(scene.text("redis.log") == "one\ntwo\n")
    var status = stat()
    #expect(stat(scene.logs.path, &status) == 0)
    #expect(status.st_mode & 0o7777 == 0o750)
    #expect(stat(scene.logs.path + "/redis.log", &status) == 0)
    #expect(status.st_mode & 0o7777 == 0o640)
    #expect(scene.warnings.isEmpty)
  }

  @Test func whatASharedDirectoryHasIsNotTouched() throws {
    let scene = try Scene()
    mkdir(scene.logs.path, 0o750)
    chmod(scene.logs.path, 0o770)
    let log = LogFile("redis", in: scene.logs)
    for _ in 0..<3 {
      let opened = log.open()
      let isRefused = opened == nil
      #expect(isRefused)
    }
    let why = "others may write in it (mode 770); chmod go-w would do"
    #expect(scene.warnings == ["no logs are written to '\(scene.logs.path)': \(why)"])
    chmod(scene.logs.path, 0o750)
    _ = try scene.write("back\n", to: log)
    #expect(scene.text("redis.log") == "back\n")
  }

  @Test(.enabled(if: geteuid() == 0, "only root can give a directory away"))
  func aDirectoryOfSomebodyElseIsRefused() throws {
    let scene = try Scene()
    mkdir(scene.logs.path, 0o750)
    chown(scene.logs.path, 65534, 65534)
    let opened = LogFile("redis", in: scene.logs).open()
    let isRefused = opened == nil
    #expect(isRefused)
    #expect(scene.warnings.first?.contains("belongs to user 65534") == true)
  }

  @Test func aSymbolicLinkIsNotFollowed() throws {
    let scene = try Scene()
    mkdir(scene.logs.path, 0o750)
    try scene.directory.write("precious\n", to: "victim")
    #expect(symlink(scene.directory.path("victim"), scene.logs.path + "/redis.log") == 0)
    let opened = LogFile("redis", in: scene.logs).open()
    let isRefused = opened == nil
    #expect(isRefused)
    #expect(scene.directory.text("victim") == "precious\n")
    let why = "something else than an ordinary file is there; remove it"
    #expect(scene.warnings == ["cannot write '\(scene.logs.path)/redis.log': \(why)"])
  }

  @Test func theDirectoryItselfMayNotBeALink() throws {
    let scene = try Scene()
    mkdir(scene.directory.path("elsewhere"), 0o750)
    #expect(symlink(scene.directory.path("elsewhere"), scene.logs.path) == 0)
    let opened = LogFile("redis", in: scene.logs).open()
    let isRefused = opened == nil
    #expect(isRefused)
    #expect(scene.directory.text("elsewhere/redis.log") == nil)
  }

  @Test func nobodyWaitsForAFIFO() throws {
    let scene = try Scene()
    mkdir(scene.logs.path, 0o750)
    mkfifo(scene.logs.path + "/redis.log", 0o600)
    // One that is read, too, is none of ours.
    for isRead in [false, true] {
      let reader = isRead ? Glibc.open(scene.logs.path + "/redis.log", O_RDONLY | O_NONBLOCK) : -1
      let opened = LogFile("redis", in: scene.logs).open()
      let isRefused = opened == nil
      #expect(isRefused)
      if isRead { close(reader) }
    }
  }

  @Test(arguments: ["", ".", "..", "../escape", "a/b"])
  func aNameThatLeadsElsewhereIsNone(name: String) throws {
    let scene = try Scene()
    let opened = LogFile(name, in: scene.logs).open()
    let isRefused = opened == nil
    // ".log" and "..log" are names like others.
    #expect(isRefused == name.contains("/"))
    #expect(scene.directory.text("escape.log") == nil)
  }

  @Test func aDirectoryThatWasRemovedIsMadeAgain() throws {
    let scene = try Scene()
    let log = LogFile("redis", in: scene.logs)
    _ = try scene.write("one\n", to: log)
    try FileManager.default.removeItem(atPath: scene.logs.path)
    _ = try scene.write("two\n", to: log)
    #expect(scene.text("redis.log") == "two\n")
  }

  @Test(.enabled(if: geteuid() == 0, "needs root, to mount a file system"), arguments: ["full", "read-only"])
  func aServiceStartsWhereNothingCanBeWritten(why: String) throws {
    let scene = try Scene()
    mkdir(scene.logs.path, 0o750)
    // One inode is the directory's own.
    let isMounted =
      mount("tmpfs", scene.logs.path, "tmpfs", why == "full" ? 0 : UInt(MS_RDONLY), "nr_inodes=1,mode=0750") == 0
    try #require(isMounted)
    defer { umount(scene.logs.path) }
    let output = ServiceOutput(logs: scene.logs)
    for _ in 0..<3 {
      let streams = try output.open(for: "redis", .init())
      let isDevNull = ProcessFiles.file(of: getpid(), number: streams.output.number) == "/dev/null"
      let errorIsDevNull = ProcessFiles.file(of: getpid(), number: streams.error.number) == "/dev/null"
      #expect(isDevNull && errorIsDevNull)
    }
    let reason = why == "full" ? "No space left on device" : "Read-only file system"
    #expect(scene.warnings == ["cannot write '\(scene.logs.path)/redis.log': \(reason)"])
  }

  @Test func aFullFileIsRotatedAtAStart() throws {
    let scene = try Scene()
    let log = LogFile("redis", in: scene.logs, sizeMax: 1 << 16)
    let text = String(repeating: "x", count: 99) + "\n"
    _ = try scene.write(String(repeating: text, count: 655), to: log)
    let mark = try scene.write(text, to: log)
    #expect(mark.offset == 65500)
    #expect(scene.text("redis.log.1") == nil)
    _ = try scene.write("new\n", to: log)
    #expect(scene.text("redis.log") == "new\n")
    #expect(scene.text("redis.log.1")?.utf8.count == 65600)
  }

  @Test func aProcessThatStillWritesLosesNothingByARotation() throws {
    let scene = try Scene()
    let log = LogFile("counter", in: scene.logs, sizeMax: 1 << 16)
    let opened = try Self.present(log.open())
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done"]
    process.standardOutput = FileHandle(fileDescriptor: opened.descriptor.number, closeOnDealloc: false)
    try process.run()
    while (scene.text("counter.log")?.utf8.count ?? 0) <= 1 << 16 { usleep(1000) }
    // The next instance begins while the last one's process writes on.
    _ = try scene.write("next\n", to: log)
    process.waitUntilExit()
    #expect(scene.text("counter.log") == "next\n")
    let lines = try #require(scene.text("counter.log.1")).split(separator: "\n")
    #expect(lines == (0..<20000).map { "line \($0)" })
  }

  /// ext4 and XFS move what follows, tmpfs leaves a hole.
  @Test(arguments: [NSTemporaryDirectory(), "/dev/shm"])
  func whatGrowsWhileItRunsIsCutAndNoLineOfTheRestIsLost(parent: String) throws {
    let scene = try Scene(in: parent)
    let sizeMax = 1 << 17
    let log = LogFile("counter", in: scene.logs, sizeMax: sizeMax)
    let opened = try Self.present(log.open())
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", "i=100000; while [ $i -lt 250000 ]; do echo line $i; i=$((i+1)); done"]
    process.standardOutput = FileHandle(fileDescriptor: opened.descriptor.number, closeOnDealloc: false)
    try process.run()
    let loop = try EventLoop()
    let trimmer = LogTrimmer(loop: loop)
    var cuts = 0
    var wasCutting = false
    var largest = 0
    try run(loop) {
      trimmer.look(at: log)
      if !trimmer.helpers.isEmpty, !wasCutting { cuts += 1 }
      wasCutting = !trimmer.helpers.isEmpty
      if let status = try? opened.descriptor.status() { largest = max(largest, status.keptBytes) }
      return !process.isRunning && !wasCutting
    }
    #expect(cuts >= 2)
    let kept = try opened.descriptor.status().keptBytes
    #expect(kept >= sizeMax)
    #expect(kept <= 2 * sizeMax + FileTrim.unitBytes)
    #expect(largest < 150_000 * 12)
    let bytes = scene.directory.bytes("logs/counter.log").drop { $0 == 0 }
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst()
    let first = try #require(lines.first.flatMap { Int($0.dropFirst(5)) })
    #expect(first > 100_000)
    #expect(Array(lines) == (first..<250_000).map { "line \($0)" })
    #expect(log.tail(lines: 2) == ["line 249998", "line 249999"])
  }

  @Test func theLastLineIsOfThisStart() throws {
    let scene = try Scene()
    let log = LogFile("redis", in: scene.logs)
    let first = try scene.write("Fatal: the disk is gone\n\n", to: log)
    #expect(log.lastLine(since: first) == "Fatal: the disk is gone")
    let second = try scene.write("", to: log)
    #expect(log.lastLine(since: second) == nil)
    let third = try scene.write("\u{1b}[31mno\u{7} port\u{9b}\r\n \n\0\n", to: log)
    #expect(log.lastLine(since: third) == "[31mno port")
    let torn = try scene.write("no line end", to: log)
    #expect(log.lastLine(since: torn) == "no line end")
    #expect(log.tail(lines: 2) == ["[31mno port", "no line end"])
  }

  @Test func veryLongLinesAreCutInWhatIsShown() throws {
    let scene = try Scene()
    let log = LogFile("redis", in: scene.logs)
    let mark = try scene.write(String(repeating: "é", count: 100_000), to: log)
    #expect(try #require(log.lastLine(since: mark)).utf8.count <= LogText.lineBytesMax)
    #expect(LogText.clean(Array(String(repeating: "é", count: 300).utf8)[...]) == String(repeating: "é", count: 200))
    #expect(LogText.clean([0xC3] + Array("x".utf8)) == "\u{fffd}x")
    #expect(log.tail(lines: 0).isEmpty)
  }
}
