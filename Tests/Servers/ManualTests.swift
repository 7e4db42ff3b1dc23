import Foundation
import Testing

extension ServerTests {
  /// torpor(1) and `--help` say the same, as the verbs' part of the page is made of the program's own words.
  @Suite struct ManualTests {
    private static let page = ManualFile(
      "torpor.1", part: "The verbs, as --help has them", end: "The end of the verbs.", suite: "ManualTests")

    private func commands() throws -> [ProgramHelp.Command] {
      try #require(try ProgramHelp.of(Binaries.built.torpor).subcommands).filter { $0.commandName != "help" }
    }

    @Test func theVerbsAreThoseOfTheProgram() throws {
      try Self.page.requirePart(try commands().filter { $0.commandName != "run" }.map(section).joined())
    }

    /// `run` is written by hand.
    @Test func everyOptionOfRunIsThere() throws {
      let page = try Self.page.text()
      let run = try #require(try commands().first { $0.commandName == "run" })
      for name in try #require(run.arguments).flatMap({ $0.names ?? [] }) {
        #expect(page.contains(ProgramHelp.escape((name.kind == "long" ? "--" : "-") + name.name)), "\(name.name)")
      }
    }

    @Test(.enabled(if: ManualFile.canBeRendered, "needs man and groff"))
    func thePageHasNoMistakes() throws { try Self.page.requireNoMistakes() }

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
