import Lifecycle
import Linux

/// Tells what happens: a record for programs, and for most of them a sentence for people.
final class Narrator {
  /// Takes what is told. The record is made when it is asked for.
  typealias Audience = (_ record: () -> Record, _ sentence: String?) -> Void

  let name: String
  private let audience: Audience
  private var hasSaidDormant = false

  init(name: String, audience: @escaping Audience) {
    self.name = name
    self.audience = audience
  }

  /// What the core doesn't know and a report names.
  struct Context {
    /// By the sockets' numbers.
    var listening: [String] = []
    var unsteered: Unsteered?
    var client: Client?
    var pid: Int32?
    var givenBackBytes: UInt64?
    /// That stay open while it is frozen.
    var connectionCount: Int?
    var failureText: String?
    var lastLine: String?
    var reason: String?
    var boundElsewhere: [String] = []
    /// Its READY=1 is what was waited for.
    var awaitsNotification = false
    /// Where it should have listened, and what came of asking there.
    var unreachable: String?

    func socketName(_ index: Int) -> String? { listening.indices.contains(index) ? listening[index] : nil }

    struct Client: Equatable {
      /// nil: it has none, as unix clients have not.
      let address: String?
      /// Where it has connected to, if only that tells.
      var socket: String?
      let process: SocketOwner?
      var description: String {
        if let address { return address + (process.map { " (\($0))" } ?? "") }
        return (process?.description ?? "a client") + (socket.map { " at \($0)" } ?? "")
      }
    }
  }

  func tell(_ report: Report, _ context: Context) {
    tell({ Record(report, service: name, context) }, sentence(report, context))
  }

  func tell(_ record: () -> Record, _ sentence: String?) { audience(record, sentence) }

  func warn(_ message: String) {
    tell(
      {
        var record = Record(event: "warning", service: name)
        record.message = message
        return record
      }, "\(name): \(message)")
  }

  // MARK: sentences

  private func sentence(_ report: Report, _ context: Context) -> String? {
    switch report {
    case .dormant:
      // After a rest it has been said already.
      if hasSaidDormant { return nil }
      hasSaidDormant = true
      let warning = context.unsteered.map { "; \($0.description)" } ?? ""
      return "\(name) is dormant, listening on \(context.listening.joined(separator: ", "))\(warning)"
    case .waking:
      hasSaidDormant = false
      return nil
    case .serving(let after):
      let cause = context.client.map { "woken by \($0.description)" } ?? "started"
      return "\(cause); serving after \(TimeSpan.describe(after))"
    case .readyToVerify: return nil
    case .restarting(let delay):
      return "starting \(name) again in \(TimeSpan.describe(delay))"
    case .startLimitHit(let retryIn):
      return "\(name) has failed too often; it is tried every \(TimeSpan.describe(retryIn)) while somebody waits"
    case .triggerLimitHit(let retryIn):
      return "\(name) was woken again and again for nobody; the next wake is in \(TimeSpan.describe(retryIn))"
    case .resting(let idle):
      return "idle for \(TimeSpan.describe(idle)), resting"
    case .restAborted(let strays):
      let handedBack = strays == 0 ? "" : "; \(Self.count(strays, "connection")) handed to it"
      return "somebody came meanwhile, \(name) goes on running\(handedBack)"
    case .restImpossible(let retryIn):
      return "\(name) can't be put to rest now: \(context.reason ?? "no second socket can be had");"
        + " trying again in \(TimeSpan.describe(retryIn))"
    case .rested(let awake):
      hasSaidDormant = true
      let memory = context.givenBackBytes.map { "; \(Self.megabytes($0)) given back" } ?? ""
      return "\(name) is dormant again after \(TimeSpan.describe(awake)) awake\(memory)"
    case .frozen:
      let open = context.connectionCount.map { $0 == 1 ? "1 connection stays open" : "\($0) connections stay open" }
      return "\(name) is frozen, \(open ?? "its connections stay open")"
    case .thawed(let after):
      let cause = context.reason.map { ": \($0)" } ?? ""
      return "\(name) goes on after \(TimeSpan.describe(after)) frozen\(cause)"
    case .leftByItself(let awake):
      hasSaidDormant = true
      return "\(name) has ended by itself after \(TimeSpan.describe(awake)) awake; it is dormant again"
    case .failed(let failure, let waiting, let retryIn):
      let text = reason(failure, context)
      let last = context.lastLine.map { "; its last line: \"\($0)\"" } ?? ""
      let who = waiting == 0 ? "nobody waits" : "\(Self.count(waiting, "client")) \(waiting == 1 ? "waits" : "wait")"
      return
        "\(text)\(last); \(who), trying again in \(TimeSpan.describe(retryIn))\(waiting == 0 ? " at the earliest" : "")"
    case .wentToBackground:
      return "\(name) went to the background; its main process is now \(context.pid.map { "\($0)" } ?? "unknown")"
    case .neverBound(let sockets):
      let names = sockets.sorted().compactMap(context.socketName).joined(separator: ", ")
      return "\(name) never bound \(names): no longer held, so that nobody waits there in vain"
    case .listenerShutDown(let socket):
      return "\(name) shut its listening socket \(context.socketName(socket) ?? "") down; it listens again"
    case .stopTimedOut(let after):
      return "\(name) still runs \(TimeSpan.describe(after)) after it was told to end; killing it"
    case .leftoversKilled:
      return "processes that \(name) left behind are killed"
    case .stopping: return "stopping \(name)"
    case .stopped: return "stopped"
    }
  }

  private func reason(_ failure: Failure, _ context: Context) -> String {
    switch failure {
    case .cannotStart: context.failureText ?? "cannot start \(name)"
    case .diedStarting(let status):
      context.failureText ?? "\(name) \(Self.describe(status)) before it was ready"
    case .watchdog: "\(name) has not sent WATCHDOG=1 in time and was ended"
    case .died(let status): context.failureText ?? "\(name) \(Self.describe(status))"
    case .startTimedOut(let after):
      "\(name) was not ready within \(TimeSpan.describe(after)) and was stopped"
        + (context.awaitsNotification ? "; it has not said READY=1" : "")
        + (context.boundElsewhere.isEmpty
          ? "" : "; it bound \(context.boundElsewhere.joined(separator: ", ")) and none of the held addresses")
        + (context.unreachable.map { "; it could not be reached at \($0)" } ?? "")
    case .ranTooLong(let after):
      "\(name) has run for \(TimeSpan.describe(after)), which is as long as it may, and was stopped"
    case .leftClientsWaiting(let status):
      "\(name) \(Self.describe(status)) without taking the connection it was started for"
    }
  }

  static func describe(_ status: ExitStatus) -> String {
    switch status {
    case .exited(let code): "exited with status \(code)"
    case .signalled(let signal, let dumpedCore):
      "was killed by \(Signals.name(of: signal))\(dumpedCore ? " and dumped core" : "")"
    case .unknown: "ended"
    }
  }

  static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

  private static func megabytes(_ bytes: UInt64) -> String { "\(TimeSpan.tenths(Double(bytes) / 1e6)) MB" }

  func failureReason(_ failure: Failure, _ context: Context) -> String { reason(failure, context) }
}
