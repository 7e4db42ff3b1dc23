extension IdleSection {
  /// Evidence of work that `Senses=` can ask for: the one table of their names. What is to be told of one is told here; how it is
  /// made is a line of the manager's `SenseTable`, which doesn't compile without it.
  public enum Sense: String, Sendable, CaseIterable {
    case connections, channels, processing

    /// Asked where nothing else is said.
    public var isDefault: Bool {
      switch self {
      case .connections, .channels, .processing: true
      }
    }

    /// What it looks at, for the manual.
    public var subject: String {
      switch self {
      case .connections: "connections to the held sockets"
      case .channels: "the service's other sockets"
      case .processing: "CPU time"
      }
    }

    public static var list: String { allCases.map(\.rawValue).joined(separator: ", ") }
    static var defaultText: String { allCases.filter(\.isDefault).map(\.rawValue).joined(separator: " ") }
  }
}
