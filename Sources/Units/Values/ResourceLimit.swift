/// What `Limit…=` says of one resource: setrlimit(2).
public struct ResourceLimit: Equatable, Sendable {
  /// nil: infinity.
  public var soft: UInt64?
  public var hard: UInt64?

  public init(soft: UInt64?, hard: UInt64?) {
    self.soft = soft
    self.hard = hard
  }

  /// The sixteen, by the number that Linux gives them.
  public enum Resource: Int32, CaseIterable, Sendable {
    case cpu, fileSize, data, stack, core, residentSet, processes, openFiles, lockedMemory, addressSpace, locks
    case pendingSignals, messageQueues, nice, realTimePriority, realTimeTime

    /// The rest of the key: "NOFILE" of `LimitNOFILE=`.
    public var name: String {
      switch self {
      case .cpu: "CPU"
      case .fileSize: "FSIZE"
      case .data: "DATA"
      case .stack: "STACK"
      case .core: "CORE"
      case .residentSet: "RSS"
      case .processes: "NPROC"
      case .openFiles: "NOFILE"
      case .lockedMemory: "MEMLOCK"
      case .addressSpace: "AS"
      case .locks: "LOCKS"
      case .pendingSignals: "SIGPENDING"
      case .messageQueues: "MSGQUEUE"
      case .nice: "NICE"
      case .realTimePriority: "RTPRIO"
      case .realTimeTime: "RTTIME"
      }
    }

    var isSize: Bool {
      switch self {
      case .fileSize, .data, .stack, .core, .residentSet, .lockedMemory, .addressSpace, .messageQueues: true
      case .cpu, .processes, .openFiles, .locks, .pendingSignals, .nice, .realTimePriority, .realTimeTime: false
      }
    }
  }

  /// "VALUE" for both, or "SOFT:HARD".
  static func parse(_ text: String, for resource: Resource) throws(ValueError) -> ResourceLimit {
    guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else {
      let both = try amount(text, for: resource)
      return ResourceLimit(soft: both, hard: both)
    }
    let soft = try amount(String(text[..<colon]), for: resource)
    let hardOffset = text.utf8.distance(from: text.startIndex, to: colon) + 1
    let hard: UInt64?
    do throws(ValueError) {
      hard = try amount(String(text[text.utf8.index(after: colon)...]), for: resource)
    } catch { throw error.moved(by: hardOffset) }
    guard (soft ?? .max) <= (hard ?? .max) else {
      throw ValueError("the soft limit is higher than the hard one")
    }
    return ResourceLimit(soft: soft, hard: hard)
  }

  private static func amount(_ text: String, for resource: Resource) throws(ValueError) -> UInt64? {
    let text = text.trimmed
    if text == "infinity" { return nil }
    if resource.isSize { return try NumberSyntax.size(text) }
    switch resource {
    case .cpu:
      // Whole seconds, rounded up.
      return try TimeSpanSyntax.parse(text).map { ($0.microseconds + 999_999) / 1_000_000 }
    case .realTimeTime: return try TimeSpanSyntax.parse(text, defaultUnit: 1).map(\.microseconds)
    case .nice:
      // A sign makes it a nice level; without one it is the kernel's number, 20 minus the level.
      guard let first = text.utf8.first, first == UInt8(ascii: "+") || first == UInt8(ascii: "-") else { break }
      guard let level = NumberSyntax.signed(text), (-20...19).contains(level) else {
        throw ValueError("a nice level is a number from -20 to +19")
      }
      return UInt64(20 - level)
    default: break
    }
    guard let number = NumberSyntax.unsigned(text) else {
      throw ValueError("'\(text)' is not a limit: a number, SOFT:HARD or infinity is expected")
    }
    return number
  }
}
