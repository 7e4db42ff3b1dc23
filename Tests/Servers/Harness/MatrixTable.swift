import Foundation

/// The table of servers in docs/servers.md, between two marks. What is around them is written by hand.
struct MatrixTable {
  static let path = Machine.projectDirectory + "/docs/servers.md"
  private static let begin = "<!-- table: written by make matrix -->"
  private static let end = "<!-- end of table -->"

  struct Column: Sendable {
    let title: String
    let text: @Sendable (MatrixResult) -> String
  }

  static let columns = [
    Column(title: "server") { $0.server },
    Column(title: "version") { $0.version },
    Column(title: "socket") { $0.sockets },
    Column(title: "handover") { $0.handover },
    Column(title: "wakes") { "\($0.wakeMilliseconds.count)" },
    Column(title: "answer, ms") { milliseconds(MatrixResult.median($0.answerMilliseconds)) },
    Column(title: "stops") { "\($0.stops)" },
    Column(title: "given up") { "\($0.aborts)" },
    Column(title: "requests") { "\($0.requests)" },
    Column(title: "lost") { "\($0.lost)" },
    Column(title: "early") { "\($0.early)" },
    Column(title: "longest, ms") { milliseconds($0.longestMilliseconds) },
  ]

  private static func milliseconds(_ value: Double?) -> String {
    value.map { String(format: $0 < 10 ? "%.1f" : "%.0f", $0) } ?? "–"
  }

  /// The file's text with a new table in it: a row for each of `cases`, from `results`, or as it was.
  static func text(_ text: String, with results: [MatrixResult], of cases: [MatrixCase]) throws -> String {
    let before = try rows(of: text).rows
    guard let from = text.range(of: begin), let to = text.range(of: end) else {
      throw Tool.Failed(description: "\(path) lacks the marks '\(begin)' and '\(end)'")
    }
    var lines = [row(columns.map(\.title)), row(columns.map { _ in "---" })]
    for known in cases {
      if let result = results.first(where: { $0.isOf(known) }) {
        lines.append(row(columns.map { $0.text(result) }))
      } else if let old = before.first(where: { Self.names(of: $0) == known.names }) {
        lines.append(row(columns.map { old[$0.title] ?? "" }))
      } else {
        throw Tool.Failed(description: "\(known.testDescription) is neither measured nor in \(path)")
      }
    }
    let table = ([machine, ""] + lines).joined(separator: "\n")
    return "\(text[..<from.upperBound])\n\(table)\n\(text[to.lowerBound...])"
  }

  /// What tells a row from all others.
  static func names(of row: [String: String]) -> [String?] { [row["server"], row["socket"], row["handover"]] }

  private static func row(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |" }

  private static var machine: String {
    let kernel = (ProcessTable.contents(of: "/proc/sys/kernel/osrelease") ?? "").split(separator: ".").prefix(2)
    let debian = (ProcessTable.contents(of: "/etc/debian_version") ?? "").trimmingCharacters(in: .newlines)
    let processors = ProcessInfo.processInfo.activeProcessorCount
    return "Linux \(kernel.joined(separator: ".")), Debian \(debian), \(processors) processors."
  }

  /// Each row of the file's table, by column.
  static func rows(of text: String) throws -> (titles: [String], rows: [[String: String]]) {
    guard let from = text.range(of: begin), let to = text.range(of: end) else {
      throw Tool.Failed(description: "\(path) lacks the marks '\(begin)' and '\(end)'")
    }
    let lines = text[from.upperBound..<to.lowerBound].split(separator: "\n").filter { $0.hasPrefix("|") }
      .map { line in
        line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      }
    guard let titles = lines.first else { return ([], []) }
    return (titles, lines.dropFirst(2).map { Dictionary(zip(titles, $0)) { first, _ in first } })
  }
}
