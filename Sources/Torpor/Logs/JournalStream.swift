import Linux

/// journald's stream protocol: a connection that begins with seven lines, and is the service's own from there on.
///
/// The same as systemd gives its services (`connect_logger_as()` in src/core/exec-invoke.c). journald takes the writer's pid, user
/// and cgroup from each message, and the unit's name from us only if we are root.
public struct JournalStream: Equatable, Sendable {
  /// SYSLOG_IDENTIFIER=
  public var identifier: String
  /// "redis.service", as `journalctl -u` wants it.
  public var unit: String
  /// Of lines that say none by themselves; syslog(3)'s, 6 is "info".
  public var priority: Int = 6
  /// "<3>" at the beginning of a line is its priority.
  public var hasLevelPrefix = true

  public static let socketPath = "/run/systemd/journal/stdout"

  /// Somebody is there to take it.
  public static var isAvailable: Bool { ProcessFiles.exists(socketPath) }

  public init(identifier: String, unit: String) {
    self.identifier = identifier
    self.unit = unit
  }

  /// A line end in a name would shift the lines after it.
  var header: String {
    let (identifier, unit) = (Self.line(identifier), Self.line(unit))
    // What comes last: to syslog, to the kernel's log, to the console, which is journald's own to decide.
    return "\(identifier)\n\(unit)\n\(priority)\n\(hasLevelPrefix ? 1 : 0)\n0\n0\n0\n"
  }

  private static func line(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.filter { $0.value >= 0x20 }))
  }

  /// Connects without waiting. Throws `.noEntry` or `.refused` where there is no journald, `.again` where it is too busy.
  func connect(to path: String = socketPath) throws(Errno) -> OwnedFD {
    guard let address = UnixAddress(path: path) else { throw .invalid }
    let socket = try UnixSocket(.stream)
    try socket.connect(to: address)
    // journald says nothing.
    socket.shutDownReading()
    let bytes = Array(header.utf8)
    // An empty send buffer has room for it.
    guard try socket.descriptor.write(bytes) == bytes.count else { throw .again }
    try socket.descriptor.setNonBlocking(false)
    return try socket.descriptor.duplicate()
  }
}

extension UnixSocket {
  func shutDownReading() { shutDown(0) }
}
