/// One assignment of a unit file, with where each of its bytes came from.
public struct Entry: Sendable {
  public let section: String
  public let key: String
  /// Continued lines are joined, and white space around it is gone. Nothing else is done to it.
  public let value: String
  let file: SourceFile
  let keyOffset: Int
  /// Where the value begins in the file.
  let valueOffset: Int
  /// For a continued value: which byte of it stands where in the file, in order.
  let pieces: [Piece]

  /// A line's part of a continued value.
  struct Piece: Sendable {
    let valueOffset: Int
    let fileOffset: Int
  }

  public var path: String { file.path }
  public var position: Position { file.position(of: keyOffset) }
  /// An empty value resets what was assigned before.
  public var isReset: Bool { value.utf8.isEmpty }

  /// The place in the file of a byte of the value.
  func fileOffset(of offset: Int) -> Int {
    let piece = pieces.last { $0.valueOffset <= offset }
    return piece.map { $0.fileOffset + offset - $0.valueOffset } ?? valueOffset + offset
  }

  func diagnostic(
    _ severity: Diagnostic.Severity, at offset: Int? = nil, _ message: String, isHardening: Bool = false
  ) -> Diagnostic {
    Diagnostic(
      severity, in: file, at: offset.map(fileOffset) ?? keyOffset, message, isHardening: isHardening)
  }
}
