import Lifecycle
import Linux

/// What counts as use of a service: the watching part of `[X-Idle]`, and of `torpor run`'s options.
public struct WatchOptions: Equatable, Sendable {
  public enum Connections: String, Sendable, CaseIterable {
    /// An open connection is a use.
    case open
    /// Only one that carried data within the idle time is.
    case active
  }

  public var connections = Connections.open
  /// Of `SenseTable`.
  public var senses = SenseTable.defaultNames
  /// Of one processor.
  public var processingThreshold = 0.01
  /// A command line whose exit code says whether it is idle (0) or busy (1).
  public var busyCheck: [String]?
  public var busyCheckTimeout: Duration = .seconds(5)
  /// Whose connections don't count.
  public var ignoredSources: [SourceRange] = []

  public init() {}

  /// There is evidence that nothing announces, so that it has to be looked for.
  var looksRegularly: Bool { busyCheck != nil || senses.contains { $0 != "connections" } }

  /// A share of one processor: "1%", "0.5%". nil: it isn't one.
  public static func share(_ text: String) -> Double? {
    guard text.hasSuffix("%"), let number = Double(text.dropLast()), number > 0, number <= 100_000 else { return nil }
    return number / 100
  }
}
