import Foundation
import Testing

extension ServerTests {
  /// torpord(8) and `torpord --help` say the same, as the page's description and options are made of the program's own words.
  @Suite struct TorpordManualTests {
    private static let page = ManualFile(
      "torpord.8", part: "As --help has it", end: "The end of the options.", suite: "TorpordManualTests")

    @Test func theOptionsAreThoseOfTheProgram() throws {
      let command = try ProgramHelp.of(Binaries.built.directory + "/torpord")
      let options = command.arguments()
      #expect(options.contains { $0.names?.first?.name == "unit-path" })
      try Self.page.requirePart(
        ".SH DESCRIPTION\n" + command.text + ".SH OPTIONS\n" + options.map(\.item).joined())
    }

    @Test(.enabled(if: ManualFile.canBeRendered, "needs man and groff"))
    func thePageHasNoMistakes() throws { try Self.page.requireNoMistakes() }
  }
}
