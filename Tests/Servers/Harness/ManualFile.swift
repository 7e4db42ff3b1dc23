import Foundation
import Testing

/// A page of the manual, a part of which is made of what the program says of itself.
struct ManualFile {
  let path: String
  /// The line before that part, which names the suite that writes it.
  let begin: String
  let end: String
  private let suite: String

  /// `part`: what that part is, `suite`: whose test this is.
  init(_ name: String, part: String, end: String, suite: String) {
    path = Machine.projectDirectory + "/docs/man/" + name
    self.suite = suite
    begin = ".\\\" \(part): TORPOR_WRITE_MANUAL=1 swift test --filter \(suite)\n"
    self.end = ".\\\" \(end)\n"
  }

  static let canBeRendered = Machine.find("man") != nil && Machine.find("groff") != nil

  func text() throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

  /// The part is what it should be. With TORPOR_WRITE_MANUAL=1 in the environment it is written instead.
  func requirePart(_ content: String) throws {
    let wanted = begin + content + end
    let page = try text()
    let start = try #require(page.range(of: begin))
    let finish = try #require(page.range(of: end))
    if ProcessInfo.processInfo.environment["TORPOR_WRITE_MANUAL"] == "1" {
      let written = page.replacingCharacters(in: start.lowerBound..<finish.upperBound, with: wanted)
      try written.write(toFile: path, atomically: true, encoding: .utf8)
    } else {
      #expect(
        page[start.lowerBound..<finish.upperBound] == wanted, "run: TORPOR_WRITE_MANUAL=1 swift test --filter \(suite)")
    }
  }

  func requireNoMistakes() throws {
    let process = try ChildProcess(
      ["man", "--warnings", "-l", path], environment: ["LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "80"])
    defer { process.killAndWait() }
    #expect(process.waitForExit(within: .seconds(20)) == .exited(0))
    #expect(process.errors.text.isEmpty, "\(process.errors.text)")
  }
}
