import Foundation
import Testing

extension ServerTests {
  /// `torpor logs`, which reads a file that others write, cut and replace.
  @Suite struct LogsCommandTests {
    private func append(_ text: String, to path: String) throws {
      let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
      try #require(file >= 0)
      defer { close(file) }
      try #require(write(file, text, text.utf8.count) == text.utf8.count)
    }

    private func logs(_ directory: TemporaryDirectory, _ arguments: String...) throws -> ChildProcess {
      try ChildProcess([Binaries.built.torpor, "logs", "--directory", directory.path, "redis"] + arguments)
    }

    private func lines(_ directory: TemporaryDirectory, _ arguments: [String]) throws -> [String] {
      let process = try ChildProcess(
        [Binaries.built.torpor, "logs", "--directory", directory.path, "redis"] + arguments)
      defer { process.killAndWait() }
      try #require(process.waitForExit(within: .seconds(10)) == .exited(0))
      _ = process.output.waitForEnd(within: .seconds(5))
      return process.output.all
    }

    @Test(arguments: [0, 1, 5, 20, 100_000])
    func theLastLinesAreShown(count: Int) throws {
      let directory = try TemporaryDirectory()
      let all = (0..<30_000).map { "line \($0)" }
      try directory.write(all.joined(separator: "\n") + "\n", to: "redis.log")
      #expect(try lines(directory, ["-n", "\(count)"]) == Array(all.suffix(count)))
      // One that has yet to end is a line, too.
      try append("unfinished", to: directory.path("redis.log"))
      #expect(try lines(directory, ["-n", "\(count)"]) == Array((all + ["unfinished"]).suffix(count)))
    }

    @Test func aLineLongerThanAnyBufferIsShown() throws {
      let directory = try TemporaryDirectory()
      let long = String(repeating: "x", count: 300_000)
      try directory.write("first\n\(long)\n", to: "redis.log")
      #expect(try lines(directory, ["-n", "1"]) == [long])
      #expect(try lines(directory, ["-n", "2"]) == ["first", long])
    }

    /// As systemd's tools take a name, and as torpord does.
    @Test(arguments: ["redis.service", "redis.socket", "redis.torpor"])
    func aNameMayHaveASuffix(name: String) throws {
      let directory = try TemporaryDirectory()
      try directory.write("hello\n", to: "redis.log")
      let process = try ChildProcess([Binaries.built.torpor, "logs", "--directory", directory.path, name])
      defer { process.killAndWait() }
      #expect(process.waitForExit(within: .seconds(10)) == .exited(0), "\(process.errors.text)")
      #expect(process.output.contains("hello", within: .seconds(5)))
    }

    @Test func anEmptyFileHasNoLines() throws {
      let directory = try TemporaryDirectory()
      try directory.write("", to: "redis.log")
      #expect(try lines(directory, []).isEmpty)
    }

    @Test func aFileThatIsNotThereIsNamed() throws {
      let directory = try TemporaryDirectory()
      let process = try logs(directory)
      defer { process.killAndWait() }
      #expect(process.waitForExit(within: .seconds(10)) == .exited(1))
      #expect(process.errors.contains("cannot read '\(directory.path)/redis.log'", within: .seconds(5)))
    }

    @Test func itIsFollowedThroughRotation() throws {
      let directory = try TemporaryDirectory()
      let path = directory.path("redis.log")
      try append("before\n", to: path)
      let process = try logs(directory, "-f", "-n", "1")
      defer { process.killAndWait() }
      try #require(process.output.contains("before", within: .seconds(10)))
      var expected = ["before"]
      for round in 0..<5 {
        for number in 0..<20 {
          try append("line \(round).\(number)\n", to: path)
          expected.append("line \(round).\(number)")
        }
        // The last of the old one and the first of the new one come at once.
        try append("last of \(round)\n", to: path)
        try #require(rename(path, path + ".1") == 0)
        try append("first after \(round)\n", to: path)
        expected += ["last of \(round)", "first after \(round)"]
      }
      try append("end\n", to: path)
      #expect(process.output.contains("end", within: .seconds(10)))
      // What was written into a file that had been replaced twice before it was looked at can't be found any more: what is
      // shown is in order, and nothing is shown twice.
      let shown = process.output.all
      #expect(shown.filter { expected.contains($0) || $0 == "end" } == shown)
      #expect(Set(shown).count == shown.count)
      #expect(shown.suffix(2) == ["first after 4", "end"])
    }

    @Test func aRotationAtATimeLosesNothing() throws {
      let directory = try TemporaryDirectory()
      let path = directory.path("redis.log")
      try append("before\n", to: path)
      let process = try logs(directory, "-f")
      defer { process.killAndWait() }
      try #require(process.output.contains("before", within: .seconds(10)))
      var expected = ["before"]
      for round in 0..<10 {
        try append("last of \(round)\n", to: path)
        try #require(rename(path, path + ".1") == 0)
        try append("first after \(round)\n", to: path)
        expected += ["last of \(round)", "first after \(round)"]
        try #require(process.output.contains("first after \(round)", within: .seconds(10)))
      }
      #expect(process.output.all == expected)
    }

    /// The front of the file is taken out, as when it has grown too long while the service runs.
    @Test func itIsFollowedThroughACut() throws {
      let directory = try TemporaryDirectory()
      let path = directory.path("redis.log")
      let old = (0..<5000).map { "old \($0)" }
      try append(old.joined(separator: "\n") + "\n", to: path)
      let process = try logs(directory, "-f", "-n", "1")
      defer { process.killAndWait() }
      try #require(process.output.contains("old 4999", within: .seconds(10)))
      let kept = old.suffix(1000).joined(separator: "\n") + "\nnew 0\n"
      let file = open(path, O_WRONLY | O_CLOEXEC)
      try #require(file >= 0)
      defer { close(file) }
      // Within one write and one truncation that the reader may see apart.
      try #require(pwrite(file, kept, kept.utf8.count, 0) == kept.utf8.count)
      try #require(ftruncate(file, off_t(kept.utf8.count)) == 0)
      try #require(process.output.contains("new 0", within: .seconds(10)))
      try append("new 1\n", to: path)
      try #require(process.output.contains("new 1", within: .seconds(10)))
      #expect(process.output.all == ["old 4999", "new 0", "new 1"])
    }

    @Test func aTerminalIsNotHarmed() throws {
      guard Machine.find("script") != nil else { return }
      let directory = try TemporaryDirectory()
      let text = "\u{1B}[32mgreen\u{1B}[0m\ttab \u{1B}]0;title\u{7} \u{1B}[2J\u{9B}2Jé\n"
      try directory.write(text, to: "redis.log")
      let command = "\(Binaries.built.torpor) logs --directory \(directory.path) redis"
      let process = try ChildProcess(["script", "--quiet", "--command", command, "/dev/null"])
      defer { process.killAndWait() }
      #expect(process.waitForExit(within: .seconds(10)) == .exited(0))
      let replaced = "\u{FFFD}"
      #expect(
        process.output.contains(
          "\u{1B}[32mgreen\u{1B}[0m\ttab \(replaced)]0;title\(replaced) \(replaced)[2J\(replaced)2Jé",
          within: .seconds(5)))
      // Elsewhere each byte is what it was.
      #expect(try lines(directory, []) == [String(text.dropLast())])
    }
  }
}
