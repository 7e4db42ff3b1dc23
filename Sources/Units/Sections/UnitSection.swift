/// What `[Unit]` says.
public struct UnitSection: Equatable, Sendable {
  public var description = ""
  public var documentation: [String] = []
  /// This many failed starts within the interval are too many. nil: no limit.
  public var startLimitInterval: Duration? = .seconds(10)
  public var startLimitBurst: UInt32 = 5
  /// Of the service: looked at before each start.
  public var conditions: [Condition] = []
  /// Units that are started when it has failed, and when it has ended well.
  public var onFailure: [String] = []
  public var onSuccess: [String] = []

  public init() {}
}
