/// `torpor status`: a line a unit, what is wrong below, and how many there are.
public enum StatusTable {
  private struct Column {
    let title: String
    /// Those with a higher number go first when there is no room.
    let dispensability: Int
    let isNumber: Bool
    let text: (UnitStatus) -> String
    var colour: (UnitStatus) -> TextStyle.Colour? = { _ in nil }
  }

  private static let gap = 2
  private static let nameWidthMin = 12

  /// - Parameter now: in seconds since 1970.
  public static func render(_ units: [UnitStatus], now: Double, style: TextStyle) -> String {
    guard !units.isEmpty else { return "there are no units\n" }
    var shown = columns(now: now)
    var widths = shown.map { width(of: $0, units) }
    let nameWidth = max("UNIT".count, units.map { TextStyle.clean($0.name).count }.max() ?? 0)
    if let width = style.width {
      // The name, cut if need be, and the state are there in any case.
      while shown.count > 1, nameWidthMin(nameWidth) + total(widths) > width,
        let index = shown.indices.max(by: { shown[$0].dispensability < shown[$1].dispensability })
      {
        shown.remove(at: index)
        widths.remove(at: index)
      }
    }
    let room = style.width.map { max(nameWidthMin(nameWidth), min(nameWidth, $0 - total(widths))) } ?? nameWidth
    var lines = [line(name: "UNIT", shown.map { ($0, $0.title, nil) }, widths, room, style, isTitle: true)]
    for unit in units {
      let cells = shown.map { ($0, $0.text(unit), $0.colour(unit)) }
      lines.append(line(name: TextStyle.clean(unit.name), cells, widths, room, style))
    }
    let remarks = units.flatMap { self.remarks($0, now: now, style) }
    if !remarks.isEmpty { lines += [""] + remarks }
    lines += ["", style.line(summary(units))]
    return lines.joined(separator: "\n") + "\n"
  }

  private static func columns(now: Double) -> [Column] {
    [
      Column(
        title: "STATE", dispensability: 0, isNumber: false, text: { $0.state.rawValue }, colour: { $0.state.colour }),
      Column(title: "SINCE", dispensability: 3, isNumber: false, text: { ShownTime.ago($0.since, now: now) }),
      Column(
        title: "CONNECTIONS", dispensability: 2, isNumber: true,
        text: { $0.connections == 0 && $0.state == .dormant ? "–" : "\($0.connections)" }),
      Column(
        title: "IDLE IN", dispensability: 1, isNumber: true,
        text: { unit in
          if !unit.holds.isEmpty { return "held" }
          return unit.idleInSeconds.map { ShownTime.span($0) } ?? "–"
        }),
      Column(title: "WAKES TODAY", dispensability: 5, isNumber: true, text: { "\($0.wakesToday)" }),
      Column(
        title: "MEMORY", dispensability: 4, isNumber: true,
        text: { $0.memoryBytes.map { ShownTime.bytes($0) } ?? "–" }),
    ]
  }

  private static func width(of column: Column, _ units: [UnitStatus]) -> Int {
    units.reduce(column.title.count) { max($0, column.text($1).count) }
  }

  private static func total(_ widths: [Int]) -> Int { widths.reduce(0) { $0 + $1 + gap } }
  private static func nameWidthMin(_ width: Int) -> Int { min(width, nameWidthMin) }

  private static func line(
    name: String, _ cells: [(Column, String, TextStyle.Colour?)], _ widths: [Int], _ nameWidth: Int,
    _ style: TextStyle, isTitle: Bool = false
  ) -> String {
    var line = TextStyle.pad(TextStyle.cut(name, to: nameWidth), to: nameWidth)
    if isTitle { line = style.bold(line) }
    for (index, (column, text, colour)) in cells.enumerated() {
      let padding = String(repeating: " ", count: max(0, widths[index] - text.count))
      let shown = isTitle ? style.bold(text) : style.colour(text, colour)
      let isLast = index == cells.count - 1
      line += String(repeating: " ", count: gap)
      line += column.isNumber ? padding + shown : shown + (isLast ? "" : padding)
    }
    return line
  }

  // MARK: below the table

  private static func remarks(_ unit: UnitStatus, now: Double, _ style: TextStyle) -> [String] {
    var remarks: [(String, TextStyle.Colour?)] = []
    switch unit.state {
    case .failed, .invalid:
      let retry = unit.retryInSeconds.map { "; trying again \(ShownTime.ahead(now + $0, now: now))" } ?? ""
      let reason = unit.lastFailure.map { TextStyle.clean($0.reason) } ?? "it can't be started"
      remarks.append(("\(reason)\(retry)", .red))
      if let last = unit.lastFailure?.lastLine { remarks.append(("  its last line: \(TextStyle.clean(last))", nil)) }
    case .dormant, .starting, .running, .draining, .freezing, .frozen, .stopping: break
    }
    if let verification = unit.verification, !verification.passed {
      let time = ShownTime.ago(verification.time, now: now)
      remarks.append(("verification failed \(time): \(TextStyle.clean(verification.message))", .red))
    }
    for hold in unit.holds { remarks.append((describe(hold, now: now), nil)) }
    remarks += unit.warnings.map { (TextStyle.clean($0), .yellow) }
    return remarks.map { style.colour(style.line("\(TextStyle.clean(unit.name)): \($0.0)"), $0.1) }
  }

  static func describe(_ hold: UnitHold, now: Double) -> String {
    let end = hold.until.map { "until \(ShownTime.ahead($0, now: now))" } ?? "as long as it is connected"
    let reason = hold.reason.map { " (\(TextStyle.clean($0)))" } ?? ""
    return "held by \(TextStyle.clean(hold.holder)) \(end)\(reason); hold \(hold.id)"
  }

  private static func summary(_ units: [UnitStatus]) -> String {
    let counts = UnitStatus.State.allCases.compactMap { state in
      let count = units.count { $0.state == state }
      return count == 0 ? nil : "\(count) \(state.rawValue)"
    }
    return "\(units.count) unit\(units.count == 1 ? "" : "s"): \(counts.joined(separator: ", "))"
  }
}
