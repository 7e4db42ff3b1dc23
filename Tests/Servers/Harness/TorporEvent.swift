import Foundation

/// One line of `torpor run --json`.
struct TorporEvent: Decodable, Sendable {
  enum Kind: String, Decodable, Sendable {
    case dormant, waking, serving, resting, rested, failed, left, background, stopping, stopped, warning
    case connected, disconnected, full, frozen, thawed
    case gaveBack = "gave-back"
    case restAborted = "rest-aborted"
    case restarting
    case restImpossible = "rest-impossible"
    case neverBound = "never-bound"
    case listenerShutDown = "listener-shut-down"
    case stopTimedOut = "stop-timed-out"
    case leftoversKilled = "leftovers-killed"
  }

  let time: Double
  let event: Kind
  let service: String
  let listening: [String]?
  let unsteered: [String]?
  let client: String?
  let process: String?
  let clientPid: pid_t?
  /// The service's, in `serving` and `background`.
  let pid: pid_t?
  let milliseconds: Double?
  let idleSeconds: Double?
  let awakeSeconds: Double?
  let strays: Int?
  let reason: String?
  let waiting: Int?
  let connections: Int?
  let retrySeconds: Double?
  let lastLine: String?
  let seconds: Double?
  let message: String?
  let sockets: [String]?
  let socket: String?

  init(line: String) throws { self = try JSONDecoder().decode(TorporEvent.self, from: Data(line.utf8)) }
}
