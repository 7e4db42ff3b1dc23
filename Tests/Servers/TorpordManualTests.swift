import Foundation
import Testing

extension ServerTests {
  /// torpord(8) and `torpord --help` say the same, as the page's description and options are made of the program's own words.
  @Suite struct TorpordManualTests {
    private static let file = Machine.projectDirectory + "/docs/man/torpord.8"
    private static let begin =
      ".\\\" As --help has it: TORPOR_WRITE_MANUAL=1 swift test --filter TorpordManualTests\n"
    private static let end = ".\\\" The end of the options.\n"

    @Test func theOptionsAreThoseOfTheProgram() throws {
      let command = try ProgramHelp.of(Binaries.built.directory + "/torpord")
      let options = command.arguments()
      #expect(options.contains { $0.names?.first?.name == "unit-path" })
      let section =
        Self.begin + ".SH DESCRIPTION\n" + command.text + ".SH OPTIONS\n" + options.map(\.item).joined() + Self.end
      let page = try String(contentsOfFile: Self.file, encoding: .utf8)
      let start = try #require(page.range(of: Self.begin))
      let end = try #require(page.range(of: Self.end))
      if ProcessInfo.processInfo.environment["TORPOR_WRITE_MANUAL"] == "1" {
        let written = page.replacingCharacters(in: start.lowerBound..<end.upperBound, with: section)
        try written.write(toFile: Self.file, atomically: true, encoding: .utf8)
      } else {
        #expect(
          page[start.lowerBound..<end.upperBound] == section,
          "run: TORPOR_WRITE_MANUAL=1 swift test --filter TorpordManualTests")
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
  }
}
