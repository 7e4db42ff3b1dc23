import Foundation
import Testing

extension ServerTests {
  /// torpor(1) and `--help` say the same, as the verbs' part of the page is made of the program's own words.
  @Suite struct ManualTests {
    private static let file = Machine.projectDirectory + "/docs/man/torpor.1"
    private static let begin =
      ".\\\" The verbs, as --help has them: TORPOR_WRITE_MANUAL=1 swift test --filter ManualTests\n"
    private static let end = ".\\\" The end of the verbs.\n"

    private func commands() throws -> [ProgramHelp.Command] {
      try #require(try ProgramHelp.of(Binaries.built.torpor).subcommands).filter { $0.commandName != "help" }
    }

    @Test func theVerbsAreThoseOfTheProgram() throws {
      let section = Self.begin + (try commands().filter { $0.commandName != "run" }.map(section).joined()) + Self.end
      let page = try String(contentsOfFile: Self.file, encoding: .utf8)
      let start = try #require(page.range(of: Self.begin))
      let end = try #require(page.range(of: Self.end))
      if ProcessInfo.processInfo.environment["TORPOR_WRITE_MANUAL"] == "1" {
        let written = page.replacingCharacters(in: start.lowerBound..<end.upperBound, with: section)
        try written.write(toFile: Self.file, atomically: true, encoding: .utf8)
      } else {
        #expect(
          page[start.lowerBound..<end.upperBound] == section,
          "run: TORPOR_WRITE_MANUAL=1 swift test --filter ManualTests")
      }
    }

    /// `run` is written by hand.
    @Test func everyOptionOfRunIsThere() throws {
      let page = try String(contentsOfFile: Self.file, encoding: .utf8)
      let run = try #require(try commands().first { $0.commandName == "run" })
      for name in try #require(run.arguments).flatMap({ $0.names ?? [] }) {
        #expect(page.contains(ProgramHelp.escape((name.kind == "long" ? "--" : "-") + name.name)), "\(name.name)")
      }
    }

    @Test(.enabled(if: Machine.find("man") != nil && Machine.find("groff") != nil, "needs man and groff"))
    func thePageHasNoMistakes() throws {
      let process = try ChildProcess(
        ["man", "--warnings", "-l", Self.file], environment: ["LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "80"])
      defer { process.killAndWait() }
      #expect(process.waitForExit(within: .seconds(20)) == .exited(0))
      #expect(process.errors.text.isEmpty, "\(process.errors.text)")
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func completionsAreMade(shell: String) throws {
      let process = try ChildProcess([Binaries.built.torpor, "--generate-completion-script", shell])
      defer { process.killAndWait() }
      #expect(process.waitForExit(within: .seconds(10)) == .exited(0))
      for command in try commands() { #expect(process.output.text.contains(command.commandName)) }
      guard let path = Machine.find(shell) else { return }
      let directory = try TemporaryDirectory()
      let script = try directory.write(process.output.text + "\n", to: "completion")
      let check = try ChildProcess([path, "-n", script])
      defer { check.killAndWait() }
      #expect(check.waitForExit(within: .seconds(10)) == .exited(0), "\(check.errors.text)")
    }

    @Test func unitsAreCompleted() throws {
      let manager = try FakeManagerProcess()
      let process = try ChildProcess(
        [Binaries.built.torpor, "---completion", "wake", "--", "positional@0", "2", "5", "torpor", "wake", "unit-"],
        environment: ["TORPOR_SOCKET": manager.socket, "SAP_SHELL": "bash"])
      defer { process.killAndWait() }
      #expect(process.waitForExit(within: .seconds(10)) == .exited(0))
      _ = process.output.waitForEnd(within: .seconds(5))
      #expect(process.output.text.contains("unit-1"), "\(process.output.text) \(process.errors.text)")
    }

    private func section(_ command: ProgramHelp.Command) -> String {
      // --socket is told once, for all of them.
      let arguments = command.arguments(except: ["socket"])
      return ".SS torpor \(command.commandName)\(arguments.map(\.usage).joined())\n" + command.text
        + arguments.map(\.item).joined()
    }
  }
}
