import Lifecycle

/// Events as people read them afterwards.
enum HistoryText {
  private static let columnWidth = 12

  /// nil: it says nothing that the next one doesn't.
  static func line(_ record: Narrator.Record, now: Double) -> String? {
    guard let sentence = sentence(record) else { return nil }
    let ago = ago(now - record.time)
    return ago + String(repeating: " ", count: max(1, columnWidth - ago.count)) + sentence
  }

  static func ago(_ seconds: Double) -> String {
    switch seconds {
    case ..<1: "just now"
    case ..<120: "\(Int(seconds)) s ago"
    case ..<7200: "\(Int(seconds / 60)) min ago"
    case ..<172_800: "\(Int(seconds / 3600)) h ago"
    // A time of a clock that was wrong isn't worth more.
    default: "\(Int(min(seconds / 86400, 99_999))) days ago"
    }
  }

  static func sentence(_ record: Narrator.Record) -> String? {
    switch record.event {
    case "waking", "dormant", "ready-to-verify": return nil
    case "serving":
      let cause = record.clientText.map { "woken by \($0)" } ?? "started"
      return cause + (record.milliseconds.map { "; serving after \(span($0 / 1e3))" } ?? "")
    case "connected": return "connection from \(record.clientText ?? "a client")"
    case "disconnected": return "connection ended" + after(record.seconds) + because(record.reason)
    case "resting": return record.reason ?? record.idleSeconds.map { "idle for \(span($0)), resting" } ?? "resting"
    case "rest-aborted": return "somebody came meanwhile, goes on running"
    case "rest-impossible": return "can't be put to rest" + because(record.reason)
    case "rested": return "dormant again" + awake(record) + because(record.reason)
    case "left": return "ended by itself" + awake(record)
    case "restarting": return "started again" + delay(record)
    case "start-limit-hit": return "has failed too often; next try" + delay(record)
    case "trigger-limit-hit": return "woken again and again for nobody; next wake" + delay(record)
    case "frozen":
      let open = record.connections.map { "\(Narrator.count($0, "connection")) open" }
      return "frozen, " + (open ?? "its connections stay open")
    case "thawed":
      return "goes on" + after(record.seconds) + (record.seconds == nil ? "" : " frozen") + because(record.reason)
    case "gave-back": return record.bytesGivenBack.map { "\(Numbers.bytes(Double($0))) given back" }
    case "failed":
      let last = record.lastLine.map { "; its last line: \"\($0)\"" } ?? ""
      return "failed" + because(record.reason ?? status(record)) + last
    case JournalLine.pinned:
      let end = record.expires.map { " for \(span($0 - record.time))" } ?? ""
      return "pinned" + (record.holder.map { " by \($0)" } ?? "") + end + because(record.reason)
    case JournalLine.released: return "released" + (record.holder.map { " by \($0)" } ?? "") + because(record.reason)
    case JournalLine.verified: return "verified" + after(record.seconds)
    case JournalLine.verificationFailed: return "verification failed" + after(record.seconds) + because(record.reason)
    case "warning": return record.message.map { "warning: \($0)" }
    case JournalLine.removed: return "its unit was removed"
    case "stopping", "stopped": return record.event
    default: return record.event.replacing("-", with: " ") + because(record.reason)
    }
  }

  /// Whatever a file says: 285 years at most.
  static func span(_ seconds: Double) -> String {
    TimeSpan.describe(.seconds(min(max(seconds, 0), 9e9)))
  }
  private static func because(_ reason: String?) -> String { reason.map { ": \($0)" } ?? "" }
  private static func after(_ seconds: Double?) -> String { seconds.map { " after \(span($0))" } ?? "" }
  private static func awake(_ record: Narrator.Record) -> String {
    record.awakeSeconds.map { " after \(span($0)) awake" } ?? ""
  }
  private static func delay(_ record: Narrator.Record) -> String { record.retrySeconds.map { " in \(span($0))" } ?? "" }
  private static func status(_ record: Narrator.Record) -> String? {
    record.exitStatus.map { "exited with status \($0)" } ?? record.signal.map { "was killed by \($0)" }
  }
}
