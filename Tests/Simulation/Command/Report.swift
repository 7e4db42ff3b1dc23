import Simulation

/// What a run is told about, in text for a terminal and for a document.
struct Report {
  let tally: Tally
  let profile: String
  let elapsed: Duration

  var text: String {
    [summary, totals, coverageTable, neverReached, verdict].joined(separator: "\n\n")
  }

  private var summary: String {
    let seconds = max(elapsed / .seconds(1), 0.001)
    let rate = Int(Double(tally.schedules) / seconds)
    return """
      \(tally.schedules) schedules in \((seconds * 10).rounded() / 10) s: \(rate) a second
      \(tally.steps) steps, \(tally.events) events
      """
  }

  private var totals: String {
    let counts = Outcome.Counts.all
    let width = counts.map(\.name.count).max() ?? 0
    return counts.map { Report.pad($0.name, to: width) + "  \(tally.counts[keyPath: $0.keyPath])" }
      .joined(separator: "\n")
  }

  /// A Markdown table: a row for each kind of event, a column for each state.
  private var coverageTable: String {
    let states = Coverage.StateKind.allCases
    var rows = [["event"] + states.map { "\($0)" }]
    for event in Coverage.EventKind.allCases {
      rows.append(["\(event)"] + states.map { tally.coverage[$0, event] }.map { $0 == 0 ? "–" : "\($0)" })
    }
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    let rule = widths.enumerated().map { column, width in
      String(repeating: "-", count: column == 0 ? width : width - 1) + (column == 0 ? "" : ":")
    }
    rows.insert(rule, at: 1)
    return rows.map { row in
      let cells = row.enumerated().map { column, cell in
        Report.pad(cell, to: widths[column], isOnTheRight: column > 0)
      }
      return "| " + cells.joined(separator: " | ") + " |"
    }.joined(separator: "\n")
  }

  private var neverReached: String {
    let states = Coverage.StateKind.allCases
    let lines = states.compactMap { state -> String? in
      let events = Coverage.EventKind.allCases.filter { tally.coverage[state, $0] == 0 }
      return events.isEmpty ? nil : "  \(state): " + events.map { "\($0)" }.joined(separator: ", ")
    }
    return lines.isEmpty ? "every pair was reached" : "never reached:\n" + lines.joined(separator: "\n")
  }

  private var verdict: String {
    guard let failure = tally.failure else { return "no violation" }
    return """
      VIOLATION
      \(failure.outcome.description(seed: failure.seed))
      To see how it came to that: swift run -c release simulate --profile \(profile) --replay \(failure.seed)
      """
  }

  private static func pad(_ text: String, to width: Int, isOnTheRight: Bool = false) -> String {
    let space = String(repeating: " ", count: max(width - text.count, 0))
    return isOnTheRight ? space + text : text + space
  }
}
