/// How text is shown: in colour or not, and how wide.
public struct TextStyle: Sendable {
  public enum Colour: Int, Sendable { case red = 31, green = 32, yellow = 33, blue = 34, cyan = 36, grey = 90 }

  public var hasColours: Bool
  /// Columns of the terminal; nil: lines may be as long as they are.
  public var width: Int?

  public init(hasColours: Bool = false, width: Int? = nil) {
    self.hasColours = hasColours
    self.width = width
  }

  func colour(_ text: String, _ colour: Colour?) -> String {
    guard hasColours, let colour else { return text }
    return "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m"
  }

  func bold(_ text: String) -> String { hasColours ? "\u{1B}[1m\(text)\u{1B}[0m" : text }

  /// What services and their clients say may have been meant for a terminal, to do something to it.
  public static func clean(_ text: String) -> String {
    String(
      text.unicodeScalars.map { scalar in
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: "\u{FFFD}"
        default: Character(scalar)
        }
      })
  }

  /// "7.0 GB".
  public static func bytes(_ count: Int) -> String { ShownTime.bytes(count) }

  /// Cut to so many characters, with a sign that it was.
  static func cut(_ text: String, to width: Int) -> String {
    guard text.count > width else { return text }
    return width < 1 ? "" : text.prefix(width - 1) + "…"
  }

  static func pad(_ text: String, to width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  /// A line that isn't longer than the terminal is wide.
  func line(_ text: String) -> String { width.map { Self.cut(text, to: $0) } ?? text }
}

extension UnitStatus.State {
  var colour: TextStyle.Colour? {
    switch self {
    case .dormant: .grey
    case .running: .green
    case .starting, .draining, .freezing, .stopping: .yellow
    case .frozen: .cyan
    case .failed, .invalid: .red
    }
  }
}
