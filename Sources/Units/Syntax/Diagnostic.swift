/// What a person is told of a place in a unit file.
public struct Diagnostic: Equatable, Sendable, CustomStringConvertible {
  public enum Severity: String, Sendable {
    /// The unit can't be used.
    case error
    /// The unit is used, but not as somebody may think who reads the file.
    case warning
    /// The unit does what the file asks for, though not by what this line says. For who checks a file, not for a log.
    case note
  }

  public var severity: Severity
  public let file: String
  public let position: Position
  public let message: String
  /// The line that is meant, for `rendered`; empty if there is none.
  public let sourceLine: String
  /// Says that a protection isn't applied: an error where the caller is strict.
  public let isHardening: Bool

  public init(
    _ severity: Severity, file: String, position: Position, message: String, sourceLine: String = "",
    isHardening: Bool = false
  ) {
    self.severity = severity
    self.file = file
    self.position = position
    self.message = message
    self.sourceLine = sourceLine
    self.isHardening = isHardening
  }

  init(_ severity: Severity, in file: SourceFile, at offset: Int, _ message: String, isHardening: Bool = false) {
    self.init(
      severity, file: file.path, position: file.position(of: offset), message: message,
      sourceLine: file.line(at: offset), isHardening: isHardening)
  }

  public var isError: Bool { severity == .error }

  /// `file:line:column: error: message`, as compilers write it and editors read it.
  public var description: String {
    "\(file):\(position.line):\(position.column): \(severity.rawValue): \(message)"
  }

  /// With the source line and a caret below the place.
  public var rendered: String {
    guard !sourceLine.isEmpty, sourceLine.utf8.count <= 200 else { return description }
    let indent = sourceLine.unicodeScalars.prefix(position.column - 1).map { $0 == "\t" ? "\t" : " " }
    return "\(description)\n  \(sourceLine)\n  \(indent.joined())^"
  }
}
