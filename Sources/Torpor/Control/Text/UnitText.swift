/// `torpor status NAME` and `torpor why NAME`: one unit, in lines of a name and what it is.
public enum UnitText {
  /// - Parameter now: in seconds since 1970.
  public static func describe(
    _ unit: UnitStatus, _ settings: UnitSettings?, now: Double, style: TextStyle
  ) -> String {
    var text = Lines(style)
    text.title(unit.name, unit.state, "since \(ShownTime.ago(unit.since, now: now))")
    if let description = settings?.description { text.add("description", description) }
    text.add("file", ([unit.file] + (settings?.dropIns ?? [])).joined(separator: ", "))
    text.add("sockets", unit.sockets)
    if let settings {
      text.add("command", settings.command.joined(separator: " "))
      if let user = settings.user { text.add("user", user) }
      let idle = settings.idleTimeoutSeconds.map { "\(settings.rest) after \(ShownTime.span($0)) idle" }
      text.add("rest", idle ?? "never")
    }
    if let pid = unit.pid { text.add("main process", "\(pid)") }
    if unit.state != .dormant { text.add("connections", "\(unit.connections)") }
    if let idleIn = unit.idleInSeconds { text.add("could rest", ShownTime.ahead(now + idleIn, now: now)) }
    if let memory = unit.memoryBytes { text.add("memory", ShownTime.bytes(memory)) }
    text.add("wakes today", "\(unit.wakesToday)")
    text.add("held", unit.holds.map { StatusTable.describe($0, now: now) })
    text.add(unit.lastFailure, retryIn: unit.retryInSeconds, now: now)
    if let verification = unit.verification {
      text.add("verified", VerificationText.describe(verification, now: now), verification.passed ? nil : .red)
    }
    if let logFile = settings?.logFile { text.add("log", logFile) }
    text.add("warnings", unit.warnings, .yellow)
    return text.text
  }

  /// - Parameter now: in seconds since 1970.
  public static func explain(_ unit: UnitExplanation, now: Double, style: TextStyle) -> String {
    var text = Lines(style)
    text.title(unit.name, unit.state, "since \(ShownTime.ago(unit.since, now: now))")
    for sense in unit.senses {
      let since = sense.since.map { ", \(ShownTime.ago($0, now: now))" } ?? ""
      text.add(sense.name, sense.verdict.rawValue + since, sense.verdict == .busy ? .green : .grey)
      for line in sense.evidence { text.add("", line) }
    }
    if let earliest = unit.earliestRest {
      text.add("could rest", "\(ShownTime.ahead(earliest, now: now)), if nothing more happens")
    }
    text.add("held", unit.holds.map { StatusTable.describe($0, now: now) })
    text.addTimed("woken by", unit.wokenBy, unit.wokenAt, now: now)
    text.addTimed("rested", unit.restedBecause, unit.restedAt, now: now)
    text.add("wakes on", unit.wakesOn)
    text.add(unit.lastFailure, retryIn: unit.retryInSeconds, now: now)
    text.add("advice", unit.advice, .yellow)
    return text.text
  }

  private struct Lines {
    let style: TextStyle
    private(set) var text = ""
    /// The longest name of a line, and two spaces.
    private static let indentation = 14

    init(_ style: TextStyle) { self.style = style }

    mutating func title(_ name: String, _ state: UnitStatus.State, _ rest: String) {
      text += "\(style.bold(TextStyle.clean(name))): \(style.colour(state.rawValue, state.colour)) \(rest)\n"
    }

    mutating func add(_ name: String, _ value: String, _ colour: TextStyle.Colour? = nil) {
      let indented = TextStyle.pad("  \(TextStyle.clean(name))", to: Self.indentation + 2)
      let room = style.width.map { max(16, $0 - indented.count) }
      let shown = TextStyle.clean(value)
      text += indented + style.colour(room.map { TextStyle.cut(shown, to: $0) } ?? shown, colour) + "\n"
    }

    mutating func add(_ name: String, _ values: [String], _ colour: TextStyle.Colour? = nil) {
      for (index, value) in values.enumerated() { add(index == 0 ? name : "", value, colour) }
    }

    mutating func addTimed(_ name: String, _ what: String?, _ time: Double?, now: Double) {
      guard what != nil || time != nil else { return }
      add(name, [what, time.map { ShownTime.ago($0, now: now) }].compactMap { $0 }.joined(separator: ", "))
    }

    mutating func add(_ failure: UnitFailure?, retryIn: Double?, now: Double) {
      guard let failure else { return }
      add("last failure", "\(failure.reason), \(ShownTime.ago(failure.time, now: now))", retryIn == nil ? nil : .red)
      if let last = failure.lastLine { add("", "its last line: \(last)") }
      if let retryIn { add("", "trying again \(ShownTime.ahead(now + retryIn, now: now))") }
    }
  }
}

/// What came of a verification, and what happened, in a line.
public enum VerificationText {
  static func describe(_ verification: UnitVerification, now: Double) -> String {
    "\(verification.passed ? "passed" : "failed") \(ShownTime.ago(verification.time, now: now)): \(verification.message)"
  }

  /// A line for `torpor verify`, and those that the service wrote last.
  public static func render(_ verification: UnitVerification, style: TextStyle) -> String {
    let result = verification.passed ? style.colour("passed", .green) : style.colour("FAILED", .red)
    let head = "\(TextStyle.clean(verification.name)): \(result): \(TextStyle.clean(verification.message))\n"
    return verification.lastLines.reduce(head) { $0 + "    \(TextStyle.clean($1))\n" }
  }
}
