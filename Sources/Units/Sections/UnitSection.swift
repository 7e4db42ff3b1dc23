/// What `[Unit]` says.
public struct UnitSection: Equatable, Sendable {
  public var description = ""
  public var documentation: [String] = []
  /// This many failed starts within the interval are too many. nil: no limit.
  public var startLimitInterval: Duration? = .seconds(10)
  public var startLimitBurst: UInt32 = 5

  public init() {}
}
