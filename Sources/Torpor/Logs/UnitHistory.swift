/// What is remembered of a unit, folded from the journal's events.
public struct UnitHistory: Equatable, Sendable, Codable {
  public enum Phase: String, Sendable, Codable {
    case dormant, starting, running, resting, frozen, failed, stopping, stopped
  }

  /// It isn't put to rest until then.
  public struct Pin: Equatable, Sendable, Codable {
    public var id: Int?
    public var holder: String?
    public var since: Double
    /// nil: until it is released.
    public var expires: Double?
    public var reason: String?
    public func isValid(at now: Double) -> Bool { expires.map { $0 > now } ?? true }
  }

  /// More are not remembered.
  static let pinsMax = 64

  public struct Verification: Equatable, Sendable, Codable {
    public var time: Double
    public var hasSucceeded: Bool
    /// How long it took.
    public var seconds: Double?
    public var reason: String?
    public var lastLines: [String]?
  }

  public struct Failure: Equatable, Sendable, Codable {
    public var time: Double
    public var reason: String?
    public var exitStatus: Int32?
    public var signal: String?
    public var lastLine: String?
  }

  public struct Rest: Equatable, Sendable, Codable {
    public var time: Double
    public var awakeSeconds: Double?
    public var reason: String?
  }

  public struct Wake: Equatable, Sendable, Codable {
    public var time: Double
    /// "127.0.0.1:43436 (redis-cli[21941])"; nil: nobody, it was started.
    public var client: String?
    public var milliseconds: Double?
  }

  /// nil: not known since the machine was started.
  public var phase: Phase?
  /// When the phase began. All times are seconds since 1970, UTC.
  public var since: Double?
  /// The oldest first.
  public var pins: [Pin] = []
  public var verification: Verification?
  public var failure: Failure?
  public var rest: Rest?
  public var wake: Wake?
  /// Why a rest that has begun was begun.
  var restReason: String?
  var wakes = HourCounts()

  mutating func enter(_ phase: Phase, at time: Double) {
    if self.phase == phase { return }
    self.phase = phase
    since = time
  }
}

extension UnitHistory {
  /// As its `Codable` reads it, which a test makes sure of. Members are in the order of their names.
  func write(to object: inout JSONObject) {
    if let failure {
      object.add("failure") {
        if let status = failure.exitStatus { $0.add("exitStatus", status) }
        $0.add("lastLine", failure.lastLine)
        $0.add("reason", failure.reason)
        $0.add("signal", failure.signal)
        $0.add("time", failure.time)
      }
    }
    object.add("phase", phase?.rawValue)
    object.add("pins", pins) {
      $0.add("expires", $1.expires)
      $0.add("holder", $1.holder)
      if let id = $1.id { $0.add("id", id) }
      $0.add("reason", $1.reason)
      $0.add("since", $1.since)
    }
    if let rest {
      object.add("rest") {
        $0.add("awakeSeconds", rest.awakeSeconds)
        $0.add("reason", rest.reason)
        $0.add("time", rest.time)
      }
    }
    object.add("restReason", restReason)
    object.add("since", since)
    if let verification {
      object.add("verification") {
        $0.add("hasSucceeded", verification.hasSucceeded)
        $0.add("lastLines", verification.lastLines)
        $0.add("reason", verification.reason)
        $0.add("seconds", verification.seconds)
        $0.add("time", verification.time)
      }
    }
    if let wake {
      object.add("wake") {
        $0.add("client", wake.client)
        $0.add("milliseconds", wake.milliseconds)
        $0.add("time", wake.time)
      }
    }
    object.add("wakes") {
      $0.add("counts", wakes.counts)
      $0.add("hour", wakes.hour)
    }
  }
}
