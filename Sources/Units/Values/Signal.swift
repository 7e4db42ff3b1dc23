/// A signal, by the number that it has on Linux.
public struct Signal: Hashable, Sendable, CustomStringConvertible {
  public let number: Int32

  public static let hangup = Signal(unchecked: 1)
  public static let interrupt = Signal(unchecked: 2)
  public static let abort = Signal(unchecked: 6)
  public static let kill = Signal(unchecked: 9)
  public static let pipe = Signal(unchecked: 13)
  public static let terminate = Signal(unchecked: 15)

  /// As glibc counts real-time signals: it keeps two for itself.
  private static let realTime: ClosedRange<Int32> = 34...64

  /// Numbered from 1, without SIG.
  private static let names = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
    "PWR", "SYS",
  ]

  private init(unchecked number: Int32) {
    self.number = number
  }

  /// A number from 1 to 64.
  public init?(number: Int32) {
    guard (1...64).contains(number) else { return nil }
    self.number = number
  }

  /// "SIGTERM", "TERM", "15", "RTMIN+3", "RTMAX-1".
  public init?(_ text: String) {
    if let number = Int32(text), text.utf8.first?.isDigit == true {
      self.init(number: number)
      return
    }
    let name = text.hasPrefix("SIG") ? String(text.dropFirst(3)) : text
    if let index = Self.names.firstIndex(of: name) {
      self.init(number: Int32(index) + 1)
    } else if let offset = Self.offset(name, behind: "RTMIN", sign: "+") {
      self.init(number: Self.realTime.lowerBound + offset)
    } else if let offset = Self.offset(name, behind: "RTMAX", sign: "-") {
      self.init(number: Self.realTime.upperBound - offset)
    } else {
      return nil
    }
  }

  private static func offset(_ name: String, behind base: String, sign: String) -> Int32? {
    guard name.hasPrefix(base) else { return nil }
    let rest = name.dropFirst(base.count)
    if rest.isEmpty { return 0 }
    guard rest.hasPrefix(sign), let offset = Int32(rest.dropFirst()), rest.dropFirst().utf8.first?.isDigit == true,
      offset <= realTime.upperBound - realTime.lowerBound
    else { return nil }
    return offset
  }

  /// "SIGTERM", "SIGRTMIN+3".
  public var description: String {
    if number <= Self.names.count { return "SIG" + Self.names[Int(number) - 1] }
    return number >= Self.realTime.lowerBound ? "SIGRTMIN+\(number - Self.realTime.lowerBound)" : "\(number)"
  }
}
