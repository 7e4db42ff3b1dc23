/// Something that happened, as Monitor tells it: the events of `torpor run --json` (torpor(1), EVENTS), and the manager's own.
public struct ManagerEvent: Codable, Equatable, Sendable {
  /// Seconds since 1970, UTC.
  public var time: Double
  /// "waking", "serving", "rested", "reloaded", … Who doesn't know one passes over it.
  public var event: String
  /// The unit that it is about; nil: the manager itself.
  public var unit: String?
  /// The same for people: a sentence without a full stop.
  public var message: String?
  /// Who woke it, as far as is known.
  public var client: String?
  public var pid: Int32?
  public var seconds: Double?
  public var reason: String?

  public init(
    time: Double, event: String, unit: String? = nil, message: String? = nil, client: String? = nil, pid: Int32? = nil,
    seconds: Double? = nil, reason: String? = nil
  ) {
    self.time = time
    self.event = event
    self.unit = unit
    self.message = message
    self.client = client
    self.pid = pid
    self.seconds = seconds
    self.reason = reason
  }
}
