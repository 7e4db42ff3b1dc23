import Foundation
import Testing

/// What a program says of its own arguments, in the form of its manual page.
enum ProgramHelp {
  struct Command: Decodable {
    let commandName: String
    let abstract: String?
    let discussion: String?
    let arguments: [Argument]?
    let subcommands: [Command]?

    func arguments(except names: Set<String> = []) -> [Argument] {
      let left = names.union(["version", "help"])
      return (arguments ?? []).filter { argument in !(argument.names ?? []).contains { left.contains($0.name) } }
    }

    /// Its abstract, and what else is said of it.
    var text: String {
      var text = ProgramHelp.escape(abstract ?? "") + "\n"
      for paragraph in (discussion ?? "").components(separatedBy: "\n\n") where !paragraph.isEmpty {
        text += ".PP\n" + ProgramHelp.escape(paragraph) + "\n"
      }
      return text
    }
  }

  struct Argument: Decodable {
    let kind: String
    let abstract: String?
    let valueName: String?
    let defaultValue: String?
    let isOptional: Bool
    let isRepeating: Bool
    let parsingStrategy: String
    let names: [Name]?

    struct Name: Decodable {
      let kind: String
      let name: String
    }

    /// Behind the command's name; "" for an option.
    var usage: String {
      guard kind == "positional" else { return "" }
      let name = (valueName ?? "").uppercased() + (isRepeating ? "..." : "")
      let isLast = parsingStrategy == "postTerminator"
      return ProgramHelp.escape(isOptional ? " [\(isLast ? "-- " : "")\(name)]" : " \(name)")
    }

    /// "" for what is no option.
    var item: String {
      guard kind != "positional" else { return "" }
      var text = ".TP\n" + term + "\n" + ProgramHelp.escape(abstract ?? "") + "\n"
      if let defaultValue, kind == "option" { text += ProgramHelp.escape("Default: \(defaultValue).") + "\n" }
      return text
    }

    private var term: String {
      let all = (names ?? []).sorted { $0.kind == "short" && $1.kind != "short" }
        .map { ($0.kind == "long" ? "--" : "-") + $0.name }
      let value = kind == "option" ? "\\ \\fI\((valueName ?? "").uppercased())\\fR" : ""
      return all.map { "\\fB\(ProgramHelp.escape($0))\\fR" }.joined(separator: ", ") + value
    }
  }

  private struct Tool: Decodable { let command: Command }

  static func of(_ program: String) throws -> Command {
    let process = try ChildProcess([program, "--experimental-dump-help"])
    defer { process.killAndWait() }
    try #require(process.output.waitForEnd(within: .seconds(10)))
    return try JSONDecoder().decode(Tool.self, from: Data(process.output.text.utf8)).command
  }

  static func escape(_ text: String) -> String {
    let escaped = text.replacingOccurrences(of: "\\", with: "\\e").replacingOccurrences(of: "-", with: "\\-")
      .replacingOccurrences(of: "'", with: "\\(aq")
    return escaped.hasPrefix(".") ? "\\&" + escaped : escaped
  }
}
