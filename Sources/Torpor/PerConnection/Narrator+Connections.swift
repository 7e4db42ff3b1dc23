import Lifecycle
import Linux

/// What is told of a service that gets a process for each connection. Of one that goes well, only `--json` tells.
extension Narrator {
  struct ConnectionContext {
    var listening: [String]
    var limit: Int
    var client: String?
    var pid: Int32?
    var beganAt: UInt64?
    var failure: String?

    var seconds: Double? { beganAt.map { Double(MonotonicClock.now() - $0) / 1e9 } }
  }

  func tell(_ report: ConnectionServer.Report, _ context: ConnectionContext) {
    tell({ record(report, context) }, sentence(report, context))
  }

  private func sentence(_ report: ConnectionServer.Report, _ context: ConnectionContext) -> String? {
    switch report {
    case .dormant:
      return "\(name) gets a process for each connection to \(context.listening.joined(separator: ", "))"
    case .started: return nil
    case .ended(_, let status):
      if status.isSuccess { return nil }
      let who = context.pid.map { "\(name)[\($0)]" } ?? name
      return "\(who)\(context.client.map { ", for \($0)," } ?? "") \(Self.describe(status))"
    case .full:
      return "\(name) has \(Self.count(context.limit, "connection")), as many as it may have: others wait"
    case .cannotStart(let isDropped, let retryIn):
      let connection = isDropped ? "the connection is closed, and others wait" : "its client waits"
      let what = context.failure ?? "cannot start \(name)"
      return "\(what); \(connection), trying again in \(TimeSpan.describe(retryIn))"
    case .cannotAccept(let retryIn):
      return "\(context.failure ?? "cannot accept"); trying again in \(TimeSpan.describe(retryIn))"
    case .leftoversKilled: return "processes that \(name) left behind are killed"
    case .stopTimedOut(let after):
      return "\(name) still runs \(TimeSpan.describe(after)) after it was told to end; killing it"
    case .stopping: return "stopping \(name)"
    case .stopped: return "stopped"
    }
  }

  private func record(_ report: ConnectionServer.Report, _ context: ConnectionContext) -> Record {
    var record = Record(event: "", service: name)
    switch report {
    case .dormant:
      record.event = "dormant"
      record.listening = context.listening
    case .started:
      record.event = "connected"
      record.client = context.client
      record.pid = context.pid
    case .ended(_, let status):
      record.event = "disconnected"
      record.client = context.client
      record.pid = context.pid
      record.seconds = context.seconds
      if !status.isSuccess { record.reason = Self.describe(status) }
    case .full:
      record.event = "full"
      record.connections = context.limit
    case .cannotStart(_, let retryIn), .cannotAccept(let retryIn):
      record.event = "failed"
      record.reason = context.failure
      record.retrySeconds = TimeSpan.seconds(retryIn)
    case .leftoversKilled:
      record.event = "leftovers-killed"
      record.client = context.client
    case .stopTimedOut(let after):
      record.event = "stop-timed-out"
      record.seconds = TimeSpan.seconds(after)
    case .stopping: record.event = "stopping"
    case .stopped: record.event = "stopped"
    }
    return record
  }
}
