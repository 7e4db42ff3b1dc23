/// A value that can't be read: why, and at which of its bytes.
public struct ValueError: Error, Equatable, Sendable, CustomStringConvertible {
  public let message: String
  /// Counted in bytes of the value.
  public let offset: Int

  public init(_ message: String, at offset: Int = 0) {
    self.message = message
    self.offset = offset
  }

  public var description: String { message }

  /// The same, in a value in which this one begins later.
  func moved(by offset: Int) -> ValueError { ValueError(message, at: self.offset + offset) }
}
