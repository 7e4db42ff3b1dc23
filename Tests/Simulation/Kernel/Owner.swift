import Lifecycle

/// What the owner of a service has asked for, what the service has said of itself, and what follows from that.
struct Owner {
  /// The last one that was asked for.
  var configuration: Lifecycle.Configuration?
  var isPinned = false
  /// When a pin last began or ended.
  var pinChangedAt: UInt64 = 0
  /// When a pin or its own word last ceased to be a reason not to rest.
  var wordEndedAt: UInt64 = 0
  /// Which instance says that it is busy.
  var busyInstance: Int?
  var isVerifying = false

  /// When a rest was asked for that is not over or refused.
  var askedRestAt: UInt64?
  /// It is to rest when it is ready.
  var asksWhenReady = false
  /// A start was asked for while the last instance was leaving, and hasn't come; and since when it could.
  var awaitsStart = false
  var couldStartAt: UInt64?
  /// When each look was taken, and the last of all; the last that was answered, and what it showed.
  var snapshots: [Query: UInt64] = [:]
  var lastSnapshotAt: UInt64 = 0
  var lastLookAt: UInt64 = 0
  var lastLookSawUse = false
  /// The look that shows that nobody is there, of a rest that was asked for.
  var restLookAt: UInt64?

  /// When a check of it was over. The first look after that tells of its own start, too, which is no use.
  var ownStartEndedAt: UInt64?

  /// It has to be started again though nobody waits.
  var isRestartDue = false
  private var restartWait: UInt64 = 0
  private var failures: [UInt64] = []
  private var isLimited = false
  /// That the limit is reached has to be told.
  var isLimitUntold = false

  var workSince: UInt64 = 0
  var workUntil: UInt64 = 0

  func forbidsRest(_ instance: Int) -> Bool { isPinned || isVerifying || busyInstance == instance }

  func lastWork(at now: UInt64) -> UInt64 { min(now, workUntil) }

  /// What the manager knew of it, and its successor doesn't.
  mutating func forget() {
    isVerifying = false
    askedRestAt = nil
    asksWhenReady = false
    awaitsStart = false
    ownStartEndedAt = nil
    isRestartDue = false
    isLimited = false
    failures = []
  }

  mutating func noteFailure(_ configuration: Lifecycle.Configuration, restarts: Bool, at now: UInt64) {
    isRestartDue = restarts
    restartWait = restarts ? configuration.restartDelay.nanosecondCount : 0
    guard let limit = configuration.startLimit else { return }
    failures = Array((failures + [now]).suffix(limit.count))
    guard !isLimited, failures.count == limit.count, now <= failures[0] + limit.interval.nanosecondCount else { return }
    isLimited = true
    isLimitUntold = true
  }

  mutating func endRow() {
    failures = []
    isLimited = false
    restartWait = 0
  }

  /// After the n-th failed start in a row.
  func wait(_ failuresInRow: Int) -> UInt64 {
    isLimited ? max(60 * second, restartWait) : max(World.wait(afterFailures: failuresInRow), restartWait)
  }

  /// systemd.service(5), table 1, said anew.
  static func restarts(_ restart: Restart, after failure: Failure?) -> Bool {
    let end: String =
      switch failure {
      case nil: "success"
      case .cannotStart: "status"
      case .startTimedOut, .ranTooLong: "timeout"
      case .watchdog: "watchdog"
      case .diedStarting(let status), .died(let status), .leftClientsWaiting(let status):
        switch status {
        case .exited, .unknown: "status"
        case .signalled(let signal, _): [1, 2, 13, 15].contains(signal) ? "success" : "signal"
        }
      }
    let ends: [String] =
      switch restart {
      case .no: []
      case .always: ["success", "status", "signal", "timeout", "watchdog"]
      case .onSuccess: ["success"]
      case .onFailure: ["status", "signal", "timeout", "watchdog"]
      case .onAbnormal: ["signal", "timeout", "watchdog"]
      case .onAbort: ["signal"]
      case .onWatchdog: ["watchdog"]
      }
    return ends.contains(end)
  }
}
