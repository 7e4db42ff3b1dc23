import FoundationEssentials
import Lifecycle
import Linux

extension Narrator {
  /// One line of `--json`, and of the journal. Fields that an event doesn't have are left out.
  struct Record: Codable, Equatable {
    /// Seconds since 1970, UTC.
    var time: Double
    var event: String
    var service: String
    var listening: [String]?
    /// Those of them at which something can get lost when the service stops.
    var unsteered: [String]?
    var client: String?
    var process: String?
    var clientPid: Int32?
    var pid: Int32?
    var milliseconds: Double?
    var idleSeconds: Double?
    var awakeSeconds: Double?
    var bytesGivenBack: UInt64?
    var strays: Int?
    var reason: String?
    var lastLine: String?
    var waiting: Int?
    var connections: Int?
    var retrySeconds: Double?
    var seconds: Double?
    var sockets: [String]?
    var socket: String?
    var message: String?
    /// How the main process has ended, when it has failed.
    var exitStatus: Int32?
    var signal: String?
    /// The last lines of its log, the oldest first.
    var lastLines: [String]?
    /// Until when it is pinned: seconds since 1970, UTC. None: until it is released.
    var expires: Double?
    /// Which of its pins, and whose. A release of none in particular is one of all.
    var pin: Int?
    var holder: String?
    /// The kernel's boot_id, when a manager begins.
    var boot: String?

    /// As it is written, with its newline; nil for a number that JSON doesn't know.
    var line: [UInt8]? {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      return (try? encoder.encode(self)).map { Array($0) + [UInt8(ascii: "\n")] }
    }

    init(event: String, service: String) {
      time = (Date().timeIntervalSince1970 * 1e6).rounded() / 1e6
      self.event = event
      self.service = service
    }

    init(_ report: Report, service: String, _ context: Context) {
      self.init(event: "", service: service)
      switch report {
      case .dormant:
        event = "dormant"
        listening = context.listening
        unsteered = context.unsteered?.names
      case .waking:
        event = "waking"
        setClient(context)
      case .serving(let after):
        event = "serving"
        milliseconds = TimeSpan.seconds(after) * 1e3
        pid = context.pid
        setClient(context)
      case .readyToVerify(let after):
        event = "ready-to-verify"
        milliseconds = TimeSpan.seconds(after) * 1e3
      case .restarting(let delay):
        event = "restarting"
        retrySeconds = TimeSpan.seconds(delay)
      case .startLimitHit(let retryIn):
        event = "start-limit-hit"
        retrySeconds = TimeSpan.seconds(retryIn)
      case .triggerLimitHit(let retryIn):
        event = "trigger-limit-hit"
        retrySeconds = TimeSpan.seconds(retryIn)
      case .resting(let idle):
        event = "resting"
        idleSeconds = TimeSpan.seconds(idle)
      case .restAborted(let strays):
        event = "rest-aborted"
        self.strays = strays
      case .restImpossible(let retryIn):
        event = "rest-impossible"
        reason = context.reason
        retrySeconds = TimeSpan.seconds(retryIn)
      case .rested(let awake):
        event = "rested"
        awakeSeconds = TimeSpan.seconds(awake)
        bytesGivenBack = context.givenBackBytes
      case .frozen:
        event = "frozen"
        connections = context.connectionCount
      case .thawed(let after):
        event = "thawed"
        seconds = TimeSpan.seconds(after)
        reason = context.reason
      case .leftByItself(let awake):
        event = "left"
        awakeSeconds = TimeSpan.seconds(awake)
      case .failed(let failure, let waiting, let retryIn):
        event = "failed"
        setStatus(failure)
        reason = context.reason
        lastLine = context.lastLine
        self.waiting = waiting
        retrySeconds = TimeSpan.seconds(retryIn)
      case .wentToBackground:
        event = "background"
        pid = context.pid
      case .neverBound(let indices):
        event = "never-bound"
        sockets = indices.sorted().compactMap(context.socketName)
      case .listenerShutDown(let index):
        event = "listener-shut-down"
        socket = context.socketName(index)
      case .stopTimedOut(let after):
        event = "stop-timed-out"
        seconds = TimeSpan.seconds(after)
      case .leftoversKilled: event = "leftovers-killed"
      case .stopping: event = "stopping"
      case .stopped: event = "stopped"
      }
    }

    private mutating func setStatus(_ failure: Failure) {
      switch failure {
      case .diedStarting(let status), .died(let status), .leftClientsWaiting(let status):
        switch status {
        case .exited(let code): exitStatus = code
        case .signalled(let number, _): signal = Signals.name(of: number)
        case .unknown: break
        }
      case .cannotStart, .startTimedOut, .ranTooLong, .watchdog: break
      }
    }

    private mutating func setClient(_ context: Context) {
      client = context.client?.address
      socket = context.client?.socket
      process = context.client?.process?.name
      clientPid = context.client?.process?.pid
    }
  }
}
