/// All that a set of unit directories says.
public struct UnitSet: Sendable {
  /// In the order of their names; those that can't be used, too.
  public internal(set) var units: [Unit] = []
  /// Names of units that are switched off, by an empty file or a link to /dev/null.
  public internal(set) var masked: [String] = []
  /// Names of templates. They become units by instances: links or files NAME@INSTANCE.torpor or .socket.
  public internal(set) var templates: [String] = []
  /// Services without a socket, which are none of our business.
  public internal(set) var services: [String] = []
  /// Second names, and what they mean: links.
  public internal(set) var aliases: [String: String] = [:]
  /// Directories that can't be read: what units they have isn't known.
  public internal(set) var unreadableDirectories: [String] = []
  /// What belongs to no unit.
  public internal(set) var diagnostics: [Diagnostic] = []

  public init() {}

  public subscript(_ name: String) -> Unit? { units.first { $0.name == name } }
}
