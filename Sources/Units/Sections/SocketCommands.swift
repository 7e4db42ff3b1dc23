/// What is run around a socket unit's sockets, and how: ExecStartPre= and its like in `[Socket]`.
public struct SocketCommands: Equatable, Sendable {
  /// Before the sockets are made. A failure is the unit's.
  public var startPre: [Command] = []
  /// When they are made, and before anybody is served. A failure closes them again.
  public var startPost: [Command] = []
  /// Before they are closed.
  public var stopPre: [Command] = []
  /// When they are closed.
  public var stopPost: [Command] = []
  /// For the commands of each of these together; nil: no limit.
  public var timeout: Duration? = .seconds(90)
  public var killSignal = Signal.terminate
  public var execution = ProcessSettings()

  public init() {}

  public var isEmpty: Bool { startPre.isEmpty && startPost.isEmpty && stopPre.isEmpty && stopPost.isEmpty }
}
