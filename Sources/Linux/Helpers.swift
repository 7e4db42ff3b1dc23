import CLinux

/// The children that share our table of descriptors: `Barrier`, `Closer`, `FileTrim`.
public enum Helpers {
  /// To be called when nothing else is to be done: our sockets are closed when all who have the table are gone. Whoever takes our
  /// place finds them free then.
  ///
  /// A second at most, as what a child closes may wait for somebody. One that is left is killed as we end.
  public static func waitForEnd() { cl_helpers_end(1000) }
}
