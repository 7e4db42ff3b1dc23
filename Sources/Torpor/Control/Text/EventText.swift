/// A line of `torpor monitor`.
public enum EventText {
  /// - Parameter clock: the time of day that belongs to the event's time.
  public static func render(_ event: ManagerEvent, clock: String, style: TextStyle) -> String {
    var details: [String] = []
    if let client = event.client { details.append("client \(client)") }
    if let pid = event.pid { details.append("pid \(pid)") }
    if let seconds = event.seconds { details.append(ShownTime.span(seconds)) }
    if let reason = event.reason { details.append(reason) }
    let what = event.message ?? ([event.event] + details).joined(separator: ", ")
    let unit = event.unit.map { style.bold(TextStyle.clean($0)) + ": " } ?? ""
    return "\(clock) \(unit)\(TextStyle.clean(what))\n"
  }
}
